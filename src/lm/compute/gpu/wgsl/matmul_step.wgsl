            {
                let a = slice_a[at + y];
                let b = slice_b[at + x];
                sum = outer(sum, a, b);
                if (HALVES == 2u) {
                    let a_2 = slice_a[at + 8u + y];
                    let b_2 = slice_b[at + 8u + x];
                    right = outer(right, a, b_2);
                    below = outer(below, a_2, b);
                    across = outer(across, a_2, b_2);
                }
                at += VECTORS;
            }
