// The gradient of a layer norm's weight: dout times the normalised row.
fn term(row: u32, column: u32) -> f32 {
    let at = row * params.columns + column;
    let mean = stats[params.stats + 2u * row];
    let rstd = stats[params.stats + 2u * row + 1u];
    return dout[params.dout + at] * (x[params.x + at] - mean) * rstd;
}
