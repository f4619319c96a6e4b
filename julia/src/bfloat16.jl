# bfloat16: the upper half of a Float32. Julia has the type since 1.11, and says what to do with it in no version; here it is only
# carried, and turned into Float32 and back.

@static if isdefined(Core, :BFloat16)
    const BFloat16 = Core.BFloat16
else
    primitive type BFloat16 <: AbstractFloat 16 end

    BFloat16(x::BFloat16) = x
    BFloat16(x::Real) = narrowed(Float32(x))
    (::Type{T})(x::BFloat16) where {T<:Union{Float16,Float32,Float64}} = T(widened(x))
    Base.promote_rule(::Type{BFloat16}, ::Type{T}) where {T<:Union{Float16,Float32}} = Float32
    Base.promote_rule(::Type{BFloat16}, ::Type{Float64}) = Float64
    Base.promote_rule(::Type{BFloat16}, ::Type{<:Integer}) = BFloat16
    for op in (:+, :-, :*, :/)
        @eval Base.$op(x::BFloat16, y::BFloat16) = narrowed($op(widened(x), widened(y)))
    end
    Base.:-(x::BFloat16) = narrowed(-widened(x))
    for op in (:(==), :<, :<=)
        @eval Base.$op(x::BFloat16, y::BFloat16) = $op(widened(x), widened(y))
    end
    Base.show(io::IO, x::BFloat16) = print(io, "BFloat16(", widened(x), ")")
end

"""    widened(x::BFloat16) -> Float32, exactly"""
widened(x::BFloat16) = reinterpret(Float32, UInt32(reinterpret(UInt16, x)) << 16)

"""    narrowed(x::Float32) -> BFloat16, the nearest one; of two, the even one"""
function narrowed(x::Float32)
    bits = reinterpret(UInt32, x)
    isnan(x) && return reinterpret(BFloat16, UInt16(bits >> 16) | 0x0040)
    return reinterpret(BFloat16, UInt16((bits + 0x7fff + ((bits >> 16) & 1)) >> 16))
end
