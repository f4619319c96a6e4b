@test P.julia_size([2, 3, 4]) == (4, 3, 2) && P.python_shape((4, 3, 2)) == [2, 3, 4]
@test [P.dimension(a, 3) for a in (0, 1, 2, -1, -3)] == [3, 2, 1, 1, 3]
@test P.dimensions(nothing, 2) == [1, 2] && P.dimensions([0, -1], 3) == [1, 3]
@test P.reshaped_size([nothing, 4, 3], 24) == (3, 4, 2) && P.reshaped_size([-1, 6], 24) == (6, 4)
@test P.flattened_size((4, 3, 2), 1) == (12, 2) && P.flattened_size((4,), 1) == (1, 4)
@test P.slice((nothing, nothing, -1), 4) == (3, -1, 4) && P.slice((1, 3, nothing), 4) == (1, 1, 2) && P.slice((-2, nothing, nothing), 4) == (2, 1, 2)
@test P.slice((5, nothing, nothing), 4)[3] == 0
@test P.adaptive_bins(7, 3) == [1:3, 3:5, 5:7]
@test P.pool_windows(5, 2, 2, 1, 0) == [1:1, 2:3, 4:5]
let x = collect(reshape(1.0:24.0, 4, 3, 2)), z = similar(x, 4, 2, 3)
    P.time_major!(z, x)
    @test z == permutedims(x, (1, 3, 2))
    @test P.batch_major!(similar(x), z) == x
end
@test P.nested_array(Float64, Any[Any[1, 2, 3], Any[4, 5, 6]]) == [1 4; 2 5; 3 6]
# Pads of Flux, a number for both sides of an axis or two, as Python's pairs: space axes turn round, sides do not.
@test P.python_padding((1, 0), 2) == [[0, 0], [1, 1]]
@test P.python_padding((1, 2, 3, 4), 2) == [[3, 4], [1, 2]]
@test P.python_order((1, 2, 3)) == [3, 2, 1]

let x = Float32[1 2; 3 4], y = P.foreign(P.described(x))
    @test pointer(x) == pointer(y) && x == y
    y[1] = 9
    @test x[1] == 9
    @test P.foreign(0, [0, 3], "float32") == zeros(Float32, 3, 0)
    @test_throws P.PlanError P.foreign(0, [1], "float32")
    @test_throws P.PlanError P.foreign(1, [1], "complex64")
end
