precompile_engine(build) = nothing
