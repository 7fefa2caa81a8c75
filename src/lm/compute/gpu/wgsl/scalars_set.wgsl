fn NAME_set(at: u32, left: u32, four: vec4<f32>) {
    NAME[at] = four.x;
    if (left > 1u) { NAME[at + 1u] = four.y; }
    if (left > 2u) { NAME[at + 2u] = four.z; }
    if (left > 3u) { NAME[at + 3u] = four.w; }
}
