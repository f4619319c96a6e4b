# The door: JSON in, JSON out, arrays by pointer, errors as data.

function dense_regression(; forward=false)
    s = Sketch("float64")
    y = P.dense!(s, input!(s, [nothing, 3]), 3, 2)
    loss = step!(s, "mean", step!(s, "square", y); rank=0)
    return forward ? plan_text(s, loss, y) : plan_text(s, loss)
end
read_array(a) = copy(P.foreign(a))

const CALLED = Ref(Tuple{Int,Float64}[])
note_call(steps, values, count) = (push!(CALLED[], (steps, unsafe_load(values))); Cint(0))
never() = Cint(1)

struct Unspeakable <: Exception end
Base.showerror(io::IO, ::Unspeakable) = error("no words")

@testset "a model's life through the door" begin
    text, x, order = dense_regression(), randn(Xoshiro(3), 3, 5), Int64[4, 2, 0, 1, 3]
    parameters, opening = P.module_spec(P.read_plan(text), size -> randn(Xoshiro(1), size...))
    W, b = parameters["dense0.kernel"], parameters["dense0.bias"]
    GC.@preserve parameters x order begin
        number = asked(opening)
        plan = asked(Dict("call" => "add_plan", "module" => number, "plan" => text))
        both = asked(Dict("call" => "add_plan", "module" => number, "plan" => dense_regression(forward=true)))
        loss, y = asked(Dict("call" => "run", "module" => number, "plan" => both, "arrays" => [P.described(x)], "training" => false))
        @test loss["shape"] == [] && y["shape"] == [5, 2] && y["dtype"] == "float64"
        @test read_array(y) ≈ W * x .+ b && only(read_array(loss)) ≈ sum(abs2, W * x .+ b) / 10
        s = asked(Dict("call" => "open_session", "module" => number, "optimiser" => Dict("kind" => "sgd", "lr" => 0.1), "frozen" => ["dense0.bias"]))
        g = asked(Dict("call" => "gradient", "session" => s, "plan" => plan, "arrays" => [P.described(x)]))
        @test collect(keys(g["by_path"])) == ["dense0.kernel"]
        slope = read_array(g["by_path"]["dense0.kernel"])
        @test slope ≈ 2 / 10 .* (W * x .+ b) * x'
        before = copy(W)
        called = Tuple{Int,Float64}[]
        CALLED[] = called
        hook = @cfunction(note_call, Cint, (Int64, Ptr{Float64}, Int64))
        request = Dict("call" => "epoch", "sessions" => [s], "turns" => [[plan, [0]]], "arrays" => [P.described(x)], "samples" => 5, "order" => Int(UInt(pointer(order))), "batch" => 5,
            "train" => true, "every" => 1, "hook" => Int(UInt(hook)), "poll" => nothing, "interrupt" => nothing, "finite" => true)
        r = asked(request)
        @test W ≈ before .- 0.1 .* slope && read_array(r["samples"]) == [5] && r["failed"] === nothing && !r["stopped"]
        @test called == [(1, read_array(r["values"])[1, 1])]
        stop = @cfunction(never, Cint, ())
        r = asked(merge(request, Dict("batch" => 1, "hook" => nothing, "poll" => Int(UInt(stop)))))
        @test r["stopped"] && r["samples"]["shape"] == [1]
        x[2] = NaN
        r = asked(merge(request, Dict("hook" => nothing)))
        @test isnan(read_array(r["failed"][1])[2, 2]) || any(isnan, read_array(r["failed"][1]))
        @test asked(Dict("call" => "close", "number" => s)) === nothing && !haskey(P.OPEN, s)
        found = answered(request)["error"]
        @test found["type"] == "PyPhoton.PlanError" && occursin("there is no session", found["message"])
        asked(Dict("call" => "close", "number" => number))
    end
end

@testset "errors are data" begin
    @test answered(Dict("call" => "nothing of the kind"))["error"]["type"] == "KeyError"
    @test P.parse_json(P.answer("{"))["error"]["message"] == "PlanError: JSON: expected '\"' at byte 2"
    text, x = dense_regression(), randn(7, 5)
    parameters, opening = P.module_spec(P.read_plan(text), zeros)
    GC.@preserve parameters x begin
        number = asked(opening)
        plan = asked(Dict("call" => "add_plan", "module" => number, "plan" => text))
        error = answered(Dict("call" => "run", "module" => number, "plan" => plan, "arrays" => [P.described(x)], "training" => false))["error"]
        @test error["type"] == "PyPhoton.StepError" && error["path"] == "dense0" && error["op"] == "dense"
        @test error["cause"]["type"] == "DimensionMismatch" && any(f -> f[1] == "forward" && endswith(f[2], "dense.jl") && f[3] > 0, error["cause"]["frames"])
        asked(Dict("call" => "close", "number" => number))
    end
    struct_with_a_bad_text = try
        throw(Unspeakable())
    catch
        P.failure(current_exceptions())
    end
    @test occursin("cannot be shown", struct_with_a_bad_text["message"])
end

@testset "documentation" begin
    for op in keys(P.DOCUMENTED)
        @test haskey(P.BUILDERS, op) && occursin("In Flux", P.documentation(op))
    end
    @test startswith(lstrip(P.documentation("lstm")), "LSTM: i, f, g, o")
end
