# The core's own convolutions against those of Flux, wherever Flux can be loaded.

flux = Base.identify_package("Flux")
if flux === nothing
    println("engines: skipped, Flux is not in this environment")
else
    Base.require(flux)
    random = Xoshiro(6)
    for T in (Float32, Float64), rank in 1:3, kind in ("conv", "conv_transpose"), (strides, pad, dilation, groups) in ((1, 0, 1, 1), (2, 1, 1, 2), (1, 1, 2, 1))
        attrs = Dict("strides" => fill(strides, rank), "padding" => kind == "conv" ? fill([pad, pad], rank) : fill(pad, rank),
            "output_padding" => fill(strides - 1, rank), "dilation" => fill(dilation, rank), "groups" => groups)
        s = Sketch(lowercase(string(T)))
        x = input!(s, [nothing, 4, fill(6, rank)...])
        y = step!(s, kind, x; rank=rank + 2, attrs, activation="relu", parameters=("kernel" => [4, 4 ÷ groups, fill(3, rank)...], "bias" => [4]))
        texts = plan_text(s, step!(s, "sum", step!(s, "square", y); rank=0)), plan_text(s, y)
        data, found = randn(random, T, fill(6, rank)..., 4, 2), []
        for engine in ("native", "flux")
            P.engine!(engine)
            m, n = (make(text; random=Xoshiro(7)) for text in texts)
            push!(found, (only(outputs(n, data)), gradient(session(m), m, data)))
        end
        P.engine!("native")
        (a, (_, ga, ia)), (b, (_, gb, ib)) = found
        tolerance = T == Float32 ? 1e-4 : 1e-10
        @test isapprox(a, b; rtol=tolerance)
        @test all(isapprox(ga[k], gb[k]; rtol=tolerance) for k in keys(ga))
        @test isapprox(ia[1], ib[1]; rtol=tolerance)
    end
end
@test_throws P.PlanError P.engine!("none")
