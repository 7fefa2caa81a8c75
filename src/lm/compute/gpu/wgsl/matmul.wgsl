// out = epilogue(a · b). A workgroup of 64 makes a square tile, each thread HALVES² blocks of 4×4 of it, half a tile apart so
// that neighbours read neighbouring vectors. Slices of both factors go through shared memory, as vectors along the tile's
// side; the next slice is on its way from memory while one is used. Its steps through a slice are matmul_step.wgsl's.

const VECTORS = SIDE / 4u;

var<workgroup> slice_a: array<vec4<f32>, DEPTH * VECTORS>;
var<workgroup> slice_b: array<vec4<f32>, DEPTH * VECTORS>;

// sum + a bᵀ, row by row.
fn outer(sum: mat4x4<f32>, a: vec4<f32>, b: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        fma(vec4<f32>(a.x), b, sum[0]), fma(vec4<f32>(a.y), b, sum[1]),
        fma(vec4<f32>(a.z), b, sum[2]), fma(vec4<f32>(a.w), b, sum[3]),
    );
}

// Four columns of a from `p` on, of rows `row` to `row + 3`.
fn columns_of_a(row: u32, p: u32) -> mat4x4<f32> {
    if (A_TRANSPOSED == 1u) {
        return a_block(p, row, params.k, params.m);
    }
    return transpose(a_block(row, p, params.m, params.k));
}

// Four rows of b from `p` on, of columns `column` to `column + 3`.
fn rows_of_b(column: u32, p: u32) -> mat4x4<f32> {
    if (B_TRANSPOSED == 1u) {
        return transpose(b_block(column, p, params.n, params.k));
    }
    return b_block(p, column, params.k, params.n);
}

fn put(sum: vec4<f32>, row: u32, column: u32) {
    if (row < params.m && column < params.n) {
        let at = row * params.stride + column;
        let left = params.n - column;
        out_set(params.out + at, left, finish(sum, at, column, left));
    }
}

fn put_block(sum: mat4x4<f32>, row: u32, column: u32) {
    put(sum[0], row, column);
    put(sum[1], row + 1u, column);
    put(sum[2], row + 2u, column);
    put(sum[3], row + 3u, column);
}

// Which block of a slice a thread brings: x along the tile's side, y into its depth. Neighbours read what lies together.
fn own_block(t: u32, deep_first: bool) -> vec2<u32> {
    if (deep_first) {
        return vec2<u32>(t / (DEPTH / 4u), t % (DEPTH / 4u));
    }
    return vec2<u32>(t % VECTORS, t / VECTORS);
}

@compute @workgroup_size(64)
fn matmul(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    let row = group.y * SIDE;
    let column = group.x * SIDE;
    let own_a = own_block(t, A_TRANSPOSED == 0u);
    let own_b = own_block(t, B_TRANSPOSED == 1u);
    let to_a = own_a.y * 4u * VECTORS + own_a.x;
    let to_b = own_b.y * 4u * VECTORS + own_b.x;
    let x = t % 8u;
    let y = t / 8u;
    var next_a = columns_of_a(row + own_a.x * 4u, own_a.y * 4u);
    var next_b = rows_of_b(column + own_b.x * 4u, own_b.y * 4u);
    var sum = mat4x4<f32>();
    var right = mat4x4<f32>();
    var below = mat4x4<f32>();
    var across = mat4x4<f32>();
    for (var p = 0u; p < params.k; p += DEPTH) {
        workgroupBarrier();
        slice_a[to_a] = next_a[0];
        slice_a[to_a + VECTORS] = next_a[1];
        slice_a[to_a + 2u * VECTORS] = next_a[2];
        slice_a[to_a + 3u * VECTORS] = next_a[3];
        slice_b[to_b] = next_b[0];
        slice_b[to_b + VECTORS] = next_b[1];
        slice_b[to_b + 2u * VECTORS] = next_b[2];
        slice_b[to_b + 3u * VECTORS] = next_b[3];
        workgroupBarrier();
        next_a = columns_of_a(row + own_a.x * 4u, p + DEPTH + own_a.y * 4u);
        next_b = rows_of_b(column + own_b.x * 4u, p + DEPTH + own_b.y * 4u);
        var at = 0u;
STEPS    }
    put_block(sum, row + 4u * y, column + 4u * x);
    if (HALVES == 2u) {
        put_block(right, row + 4u * y, column + 32u + 4u * x);
        put_block(below, row + 32u + 4u * y, column + 4u * x);
        put_block(across, row + 32u + 4u * y, column + 32u + 4u * x);
    }
}
