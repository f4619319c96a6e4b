# julia --project=FOLDER make.jl: installs and compiles the packages of the project in FOLDER, which has a copy of the Project.toml beside this file.
# What Pkg tells goes to stderr. Where it fails, the reason goes to stdout, and the exit code is 1.
#
# GPUCompiler is added by its address, because the registry says that no version of it which CUDA.jl 3 takes runs on Julia 1.10
# (its entry is julia = "1.6-1.9"; the package's own Project.toml says 1.6 and later). It is one call with the rest, so that all are resolved at once.
using Pkg: Pkg, PackageSpec

const GPUCOMPILER = PackageSpec(
    name="GPUCompiler", uuid="61eb1bfa-7361-4325-ad38-22787b887f55", url="https://github.com/JuliaGPU/GPUCompiler.jl.git", rev="v0.17.3",
)

ENV["JULIA_PKG_PRECOMPILE_AUTO"] = "0"  # once, at the end
try
    Pkg.add(GPUCOMPILER)
    Pkg.instantiate()
    Pkg.precompile()
catch error
    print(stdout, sprint(showerror, error))
    exit(1)
end
