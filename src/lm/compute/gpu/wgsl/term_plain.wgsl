fn term(row: u32, column: u32) -> f32 {
    return x[params.x + row * params.columns + column];
}
