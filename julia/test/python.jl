# Steps that Python computes, with C functions of Julia's in Python's place.

squared(s, call=1) = plan_text(s, step!(s, "sum", step!(s, "mul", step!(s, "python", step!(s, "sin", input!(s, [nothing, 3])); attrs=Dict("call" => call)), Literal(2.0)); rank=0))

@testset "gradients go through what gives back what it is given" begin
    P.PYTHON[] = @cfunction(P.echo, Cint, (Ptr{Int},))
    x = randn(Xoshiro(1), 3, 4)
    m = make(squared(Sketch("float64")))
    numbers, _, by_input = gradient(session(m), m, x)
    @test numbers ≈ [2 * sum(sin.(x))]
    @test by_input[1] ≈ 2 .* cos.(x)
end

"""Fails, as a function of Python's does that raised."""
fails(room::Ptr{Int}) = Cint(1)

@testset "what fails in Python is an error of the step" begin
    P.PYTHON[] = @cfunction(P.echo, Cint, (Ptr{Int},))
    m = make(squared(Sketch("float64")))
    P.PYTHON[] = @cfunction(fails, Cint, (Ptr{Int},))
    @test_throws P.StepError outputs(m, randn(3, 2))
    P.PYTHON[] = @cfunction(P.echo, Cint, (Ptr{Int},))
    @test only(outputs(m, ones(3, 2))[1]) ≈ 12 * sin(1)
end

@testset "without Python the step is named" begin
    P.PYTHON[] = C_NULL
    @test_throws P.UnsupportedStep make(squared(Sketch("float64")))
    error = try
        make(squared(Sketch("float64")))
    catch e
        sprint(showerror, e)
    end
    @test occursin("python", error)
end
