# Memory of others as an Array that lets go of its owner when no alias is left, and what is said of Julia's own arrays.

"""An array over 12 numbers that C gave, and the count of how often their owner was let go of."""
function borrowed(T, shape)
    count = Ref(0)
    kept = Libc.calloc(12, sizeof(T))
    a = P.borrowed(UInt(kept), P.KIND_OF[T], shape, bytes -> (_...) -> (count[] += 1; Libc.free(kept)))
    return a, count
end

collect_all() = foreach(_ -> GC.gc(), 1:3)

@testset "every type, in Python's order of axes" begin
    for T in values(P.KINDS)
        @noinline function check()
            a, count = borrowed(T, [3, 4])
            @test a isa Matrix{T} && size(a) == (4, 3)
            found = P.exposed(a)
            @test found.shape == [3, 4] && found.pointer == UInt(pointer(a)) && P.KINDS[found.kind] == T && found.device == (1, 0)
            return count
        end
        count = check()
        collect_all()
        @test count[] == 1
    end
end

@testset "the owner lives as long as any alias" begin
    for alias in (identity, vec, a -> reshape(a, 6, 2), a -> view(a, 1:2, :), a -> reinterpret(UInt8, a), a -> reshape(vec(a), 2, 6), adjoint)
        @noinline only_alias() = (((a, count),) = (borrowed(Float64, [3, 4]),); fill!(a, 7); (alias(a), count))
        @noinline function look()
            b, count = only_alias()
            total = sum(b)
            collect_all()
            @test count[] == 0 && sum(b) == total
            return count
        end
        count = look()
        collect_all()
        @test count[] == 1
    end
end

@testset "no elements need no memory" begin
    a = P.borrowed(UInt(0), P.KIND_OF[Float32], [0, 4], _ -> error("nothing to keep"))
    @test a isa Matrix{Float32} && size(a) == (4, 0)
    @test P.exposed(a).shape == [0, 4]
end

@testset "what is dense" begin
    A = reshape(collect(1.0:24.0), 4, 6)
    for a in (A, vec(A), view(A, :, 2:3), view(vec(A), 5:9), view(A, 2:2, 3:3), reinterpret(Float32, A), fill(1.0), view(reshape(1.0:6.0 |> collect, 1, 6), 1:1, :))
        @test P.exposed(a) isa P.Exposed
    end
    for a in (A', transpose(A), view(A, 1:2, :), view(vec(A), 1:2:9), view(vec(A), 9:-1:1), 1.0:3.0, BitArray([true]), view(codeunits("abc"), 1:3))
        @test P.exposed(a) === P.NOT_DENSE
        b = P.densely(a)
        @test b == a && b isa Array && P.exposed(b) isa P.Exposed
    end
    @test P.exposed(["a"]) === P.exposed(Any[1]) === P.exposed([1 // 2]) === P.NO_TYPE
    @test P.exposed(:a) === P.exposed(1.0) === P.NO_ARRAY
end

@testset "a vector that was shown stays where it is" begin
    v = collect(1.0:4.0)
    found = P.exposed(v)
    try
        append!(v, zeros(100_000))
    catch
    end
    collect_all()
    @test GC.@preserve found [unsafe_load(Ptr{Float64}(found.pointer), i) for i in 1:4] == 1:4
end

@testset "bfloat16" begin
    for x in Float32[0, -0.0, 1, 1.5, -3.25, 1e30, Inf, -Inf]
        @test P.widened(P.narrowed(x)) ≈ x rtol = 2^-8
    end
    @test isnan(P.widened(P.narrowed(NaN32)))
    @test P.widened(P.narrowed(1 + 2f0^-8)) == 1 && P.widened(P.narrowed(1 + 3 * 2f0^-8)) == 1 + 2f0^-6
    if !isdefined(Core, :BFloat16)
        x, y = P.BFloat16(1.5), P.BFloat16(2)
        @test Float32(x + y) == 3.5 && Float64(x * y) == 3 && Float32(x / y) == 0.75 && Float32(-x) == -1.5 && x < y && x != y
        @test x + 1 isa P.BFloat16 && x + 1f0 === 2.5f0 && x + 1.0 === 2.5 && sum([x, y]) == P.BFloat16(3.5)
        @test Float32.([x, y]) == [1.5, 2] && P.BFloat16.([1.5, 2]) == [x, y]
    end
end
