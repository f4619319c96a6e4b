for x in Float32.(-30:0.37:30)
    @test P.exp_(x) ≈ exp(x) rtol = 3e-7
    @test P.tanh_(x) ≈ tanh(x) rtol = 3e-7
    @test P.sigmoid(x) ≈ 1 / (1 + exp(-Float64(x))) rtol = 3e-7
end
@test P.exp_(Inf32) == Inf32 && P.exp_(-Inf32) == 0 && isnan(P.exp_(NaN32)) && P.exp_(-200f0) == 0 && P.exp_(200f0) == Inf32
@test P.exp_(-100f0) ≈ exp(-100f0) rtol = 1e-2
@test isnan(P.tanh_(NaN32)) && P.tanh_(100f0) == 1 && P.tanh_(-100f0) == -1
@test isnan(P.relu(NaN)) && P.relu(-1.0) == 0
@test isnan(P.log_(-1.0)) && isnan(P.sqrt_(-1.0)) && isnan(P.pow(-2.0, 0.5)) && P.pow(-2.0, 3.0) == -8
@test P.softplus(800.0) == 800 && P.gelu(1.0) ≈ 0.8413447460685429
