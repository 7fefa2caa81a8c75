// AdamW's step with the clipping of the gradient's global norm, as torch.nn.utils.clip_grad_norm_ does it.

@compute @workgroup_size(256)
fn adamw(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let norm = sqrt(squares[params.squares]) + 1e-6;
    let clip = select(1.0, params.clip_norm / norm, norm > params.clip_norm);
    for (var i = at.x; i < params.len; i += groups.x * 256u) {
        let g = clip * grads[params.grads + i];
        let mean = params.beta1 * m[params.m + i] + params.rest1 * g;
        let square = params.beta2 * v[params.v + i] + params.rest2 * g * g;
        m[params.m + i] = mean;
        v[params.v + i] = square;
        weights[params.weights + i] =
            params.keep * weights[params.weights + i] - params.rate * mean / (sqrt(square) * params.root + params.epsilon);
    }
}
