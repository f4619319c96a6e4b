# The plans that the Python tests keep as golden files, read and run: forward, and backward where the first output is one number.

folder = joinpath(@__DIR__, "..", "..", "tests", "golden")
files = isdir(folder) ? sort!(filter(endswith(".json"), readdir(folder; join=true))) : String[]
isempty(files) && println("golden plans: skipped, there are none in $folder")

for file in files
    text = read(file, String)
    P.parse_json(text) isa AbstractDict && haskey(P.parse_json(text), "steps") || continue
    @testset "$(basename(file))" begin
        m = make(text; draw=size -> fill(0.1, size))
        xs = Any[P.rehearsal_array(i, m.plan.T, 3) for i in m.plan.inputs]
        for training in (false, true)
            ys = outputs(m, xs...; training)
            @test length(ys) == length(m.plan.outputs)
            @test all(y -> all(isfinite, y), ys)
        end
        if length(outputs(m, xs...)[1]) == 1
            values, by_path, _ = gradient(session(m), m, xs...)
            @test all(isfinite, values) && Set(keys(by_path)) == Set(p.path for p in m.plan.parameters if p.role == "weight")
        end
    end
end
