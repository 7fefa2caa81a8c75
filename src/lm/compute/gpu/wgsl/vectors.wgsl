// NAME by fours, where rows begin at multiples of four and are whole fours long.
@group(0) @binding(BINDING) var<storage, ACCESS> NAME: array<vec4<f32>>;

// Four numbers from `at` on, of which `left` are in the row.
fn NAME_4(at: u32, left: u32) -> vec4<f32> {
    return NAME[at / 4u];
}
