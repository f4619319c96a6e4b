# What an engine needs of the process and of the project: versions, and no other engine. Each case is a process of its own, over packages that are only
# a name and a version.

"""A folder of packages for JULIA_LOAD_PATH: name => (version, code)."""
function packages(found)
    folder = mktempdir()
    for (name, (version, code)) in found
        mkpath(joinpath(folder, name, "src"))
        write(joinpath(folder, name, "Project.toml"), "name = \"$name\"\nuuid = \"$(Base.UUID(rand(Xoshiro(length(name)), UInt128)))\"\nversion = \"$version\"\n")
        write(joinpath(folder, name, "src", "$name.jl"), "module $name\n$code\nend\n")
    end
    return folder
end

"""What `open_door` for an engine says in a process that has these packages, after some code."""
function door_says(found; engine="knet", before="")
    code = """
        using PyPhoton
        $before
        try
            PyPhoton.open_door(1, "$engine")
            print("opened")
        catch error
            print(sprint(showerror, error))
        end
    """
    path = join([packages(found), pkgdir(PyPhoton), "@stdlib"], Sys.iswindows() ? ";" : ":")
    return read(pipeline(addenv(`$(Base.julia_cmd()) --startup-file=no -e $code`, "JULIA_LOAD_PATH" => path); stderr=devnull), String)
end

good, empty_ = Dict("Knet" => ("1.4.10", ""), "NNlib" => ("0.8.21", ""), "CUDA" => ("3.13.1", "")), Dict{String,Any}()
way = "python -m pyphoton install --engine knet"

@testset "versions" begin
    @test all(P.fits.([v"1.4.10", v"1.4.11", v"1.4.0", v"3.13.1"], ["~1.4.10", "~1.4.10", "~1.4", "~3.13"]))
    @test !any(P.fits.([v"1.4.9", v"1.5.0", v"2.4.10", v"0.9.0"], ["~1.4.10", "~1.4.10", "~1.4", "~0.8"]))
    @test P.needed("flux") == Dict("Flux" => "~0.16")
    @test issubset(["Knet", "CUDA", "NNlib", "AutoGrad", "julia"], keys(P.needed("knet")))
end

@testset "what does not go together" begin
    @test occursin("there is no engine none", door_says(empty_; engine="none"))
    @test all(occursin(door_says(empty_)), ["has no Knet", way])
    @test all(occursin(door_says(empty_; engine="flux")), ["has no Flux", "Pkg.add(name=\"Flux\""])
    @test occursin("opened", door_says(Dict("Flux" => ("0.16.5", "")); engine="flux"))
    @test occursin("has Flux 0.13.17, and Flux needs 0.16", door_says(Dict("Flux" => ("0.13.17", "")); engine="flux"))
    if v"1.10.3" <= VERSION < v"1.11-"  # elsewhere Julia's own version is refused first
        @test all(occursin(door_says(merge(good, Dict("Knet" => ("1.3.9", ""))))), ["has Knet 1.3.9, and Knet needs 1.4.10", way])
        @test all(occursin(door_says(merge(good, Dict("NNlib" => ("0.9.30", ""))))), ["has NNlib 0.9.30, and Knet needs 0.8", way])
        @test all(occursin(door_says(merge(good, Dict("Knet" => ("1.4.10", "error(\"out of order\")"))))), ["Knet", "did not load", way])
        @test all(occursin(door_says(merge(good, Dict("Flux" => ("0.16.5", ""))); before="using Flux")), ["Flux is loaded in this Julia process", "one process has one engine", way])
    end
end
