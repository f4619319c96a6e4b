@test P.parse_json("{\"a\": [1, -2.5e3, true, null, \"x\\n\\u00e9\\ud83d\\ude00\"], \"b\": {}}") ==
      Dict("a" => Any[1, -2500.0, true, nothing, "x\né😀"], "b" => Dict{String,Any}())
@test P.parse_json("1") isa Int && P.parse_json("1.0") isa Float64
@test isnan(P.parse_json("NaN")) && P.parse_json("-Infinity") == -Inf
for value in (Any[1, 2.5, "a\"b\\c\n", nothing, false], Dict{String,Any}("k" => Any[]))
    @test P.parse_json(P.json(value)) == value
end
for bad in ("", "{", "[1,", "[1 2]", "{\"a\" 1}", "nul", "1 2", "\"abc")
    @test_throws P.PlanError P.parse_json(bad)
end
