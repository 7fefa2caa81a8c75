// gelu_new(x) = x σ(2u) and its slope, u = √(2/π) (x + 0.044715 x³). The exponent is held where e^x is a number.

fn gate(x: vec4<f32>) -> vec4<f32> {
    let u = 0.7978845608 * x * (1.0 + 0.044715 * x * x);
    return 1.0 / (1.0 + exp(clamp(-2.0 * u, vec4<f32>(-80.0), vec4<f32>(80.0))));
}

fn gelu_of(x: vec4<f32>) -> vec4<f32> {
    return x * gate(x);
}

fn gelu_slope(x: vec4<f32>) -> vec4<f32> {
    let g = gate(x);
    let du = 0.7978845608 * (1.0 + 0.134145 * x * x);
    return g + 2.0 * x * g * (1.0 - g) * du;
}
