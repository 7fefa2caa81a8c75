// NAME one by one, where its rows begin anywhere.
@group(0) @binding(BINDING) var<storage, ACCESS> NAME: array<f32>;

// Four numbers from `at` on, of which `left` are in the row; zero beyond.
fn NAME_4(at: u32, left: u32) -> vec4<f32> {
    var four = vec4<f32>(NAME[at], 0.0, 0.0, 0.0);
    if (left > 1u) { four.y = NAME[at + 1u]; }
    if (left > 2u) { four.z = NAME[at + 2u]; }
    if (left > 3u) { four.w = NAME[at + 3u]; }
    return four;
}
