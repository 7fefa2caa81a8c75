fn NAME_set(at: u32, left: u32, four: vec4<f32>) {
    NAME[at / 4u] = four;
}
