// Batch normalisation, the addition of a residual block's shortcut and ReLU, for training in float32 on processors.
//
// All arrays are matrices of rows (pixels) by channels, the channels contiguous: images in channels-last order. These
// layers are bound by memory, so what counts is how often an array is gone through: three times forward (twice read, once
// written) and five backward, instead of seven and ten of the separate operations with an activation.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <omp.h>

namespace {

using Size = std::int64_t;

// Rows summed in float32 before their sum goes into a float64 one.
constexpr Size BLOCK = 128;

struct Sums {
    std::vector<double> first, second;
};

// Two sums for each channel over all rows. `add(row, first, second)` adds one row's terms to float32 partial sums.
template <class Add>
Sums sum_rows(Size rows, Size channels, Add add) {
    const int threads = omp_get_max_threads();
    std::vector<double> partial(2 * channels * threads, 0.0);
#pragma omp parallel num_threads(threads)
    {
        // There may be fewer than were asked for.
        const Size thread = omp_get_thread_num(), team = omp_get_num_threads();
        std::vector<float> block(2 * channels);
        double* const own = partial.data() + 2 * channels * thread;
        const Size end = rows * (thread + 1) / team;
        for (Size begin = rows * thread / team; begin < end; begin += BLOCK) {
            std::fill(block.begin(), block.end(), 0.0f);
            for (Size row = begin; row < std::min(begin + BLOCK, end); ++row)
                add(row, block.data(), block.data() + channels);
            for (Size i = 0; i < 2 * channels; ++i)
                own[i] += block[i];
        }
    }
    Sums sums{std::vector<double>(channels, 0.0), std::vector<double>(channels, 0.0)};
    for (int thread = 0; thread < threads; ++thread)
        for (Size channel = 0; channel < channels; ++channel) {
            sums.first[channel] += partial[2 * channels * thread + channel];
            sums.second[channel] += partial[2 * channels * thread + channels + channel];
        }
    return sums;
}

template <class Do>
void each_row(Size rows, Do todo) {
#pragma omp parallel for schedule(static)
    for (Size row = 0; row < rows; ++row)
        todo(row);
}

}  // namespace

extern "C" {

// Mean and (biased) variance of each channel. Sums are of differences to the first row, so that a mean that is large
// beside the deviation costs no digits.
void moments(const float* x, Size rows, Size channels, double* mean, double* variance) {
    const Sums sums = sum_rows(rows, channels, [=](Size row, float* __restrict sum, float* __restrict squares) {
        const float* __restrict here = x + row * channels;
        const float* __restrict origin = x;
#pragma omp simd
        for (Size c = 0; c < channels; ++c) {
            const float difference = here[c] - origin[c];
            sum[c] += difference;
            squares[c] += difference * difference;
        }
    });
    for (Size c = 0; c < channels; ++c) {
        const double difference = sums.first[c] / rows;
        mean[c] = x[c] + difference;
        variance[c] = std::max(0.0, sums.second[c] / rows - difference * difference);
    }
}

// y = x scale + offset (+ shortcut), then ReLU if `activate`. `shortcut` may be null.
void normalise(const float* x, const float* shortcut, const float* __restrict scale, const float* __restrict offset,
               float* y, Size rows, Size channels, int activate) {
    const float least = activate ? 0.0f : -INFINITY;
    each_row(rows, [=](Size row) {
        const float* __restrict here = x + row * channels;
        float* __restrict there = y + row * channels;
        if (shortcut) {
            const float* __restrict added = shortcut + row * channels;
#pragma omp simd
            for (Size c = 0; c < channels; ++c) {
                const float value = here[c] * scale[c] + offset[c] + added[c];
                there[c] = value < least ? least : value;  // a NaN stays one
            }
        } else {
#pragma omp simd
            for (Size c = 0; c < channels; ++c) {
                const float value = here[c] * scale[c] + offset[c];
                there[c] = value < least ? least : value;
            }
        }
    });
}

// Gradients of `normalise` where `scale` and `offset` come from the batch's own moments. `upstream` is the gradient of y.
// With a shortcut `y` is what came out and `to_shortcut` takes the shortcut's gradient, else both are null: whether an
// element was above zero is then seen from x.
void gradients(const float* upstream, const float* x, const float* y, const float* __restrict scale,
               const float* __restrict offset, const double* mean, const double* deviation, const float* gamma,
               float* to_x, float* to_shortcut, float* to_gamma, float* to_beta, Size rows, Size channels,
               int activate) {
    const std::vector<float> centre(mean, mean + channels);
    const float* __restrict middle = centre.data();
    const Sums sums = sum_rows(rows, channels, [=](Size row, float* __restrict sum, float* __restrict products) {
        const float* __restrict here = x + row * channels;
        const float* __restrict above = upstream + row * channels;
        if (to_shortcut) {
            const float* __restrict out = y + row * channels;
            float* __restrict passed = to_shortcut + row * channels;
#pragma omp simd
            for (Size c = 0; c < channels; ++c) {
                const float value = !activate || out[c] > 0.0f ? above[c] : 0.0f;
                passed[c] = value;
                sum[c] += value;
                products[c] += value * (here[c] - middle[c]);
            }
        } else {
#pragma omp simd
            for (Size c = 0; c < channels; ++c) {
                const float value = !activate || here[c] * scale[c] + offset[c] > 0.0f ? above[c] : 0.0f;
                sum[c] += value;
                products[c] += value * (here[c] - middle[c]);
            }
        }
    });

    // to_x = gamma / deviation (g - mean(g) - (x - mean) / deviation^2 mean(g (x - mean))), as a g + b x + c.
    std::vector<float> of_gradient(channels), of_input(channels), constant(channels);
    for (Size c = 0; c < channels; ++c) {
        to_beta[c] = sums.first[c];
        to_gamma[c] = sums.second[c] / deviation[c];
        const double factor = gamma[c] / deviation[c];
        const double slope = sums.second[c] / rows / (deviation[c] * deviation[c]);
        of_gradient[c] = factor;
        of_input[c] = -factor * slope;
        constant[c] = factor * (slope * mean[c] - sums.first[c] / rows);
    }
    const float *__restrict a = of_gradient.data(), *__restrict b = of_input.data(), *__restrict k = constant.data();
    const bool from_x = activate && !to_shortcut;
    const float* const passed = to_shortcut ? to_shortcut : upstream;
    each_row(rows, [=](Size row) {
        const float* __restrict here = x + row * channels;
        const float* __restrict above = passed + row * channels;
        float* __restrict below = to_x + row * channels;
        if (from_x) {
#pragma omp simd
            for (Size c = 0; c < channels; ++c) {
                const float value = here[c] * scale[c] + offset[c] > 0.0f ? above[c] : 0.0f;
                below[c] = value * a[c] + here[c] * b[c] + k[c];
            }
        } else {
#pragma omp simd
            for (Size c = 0; c < channels; ++c)
                below[c] = above[c] * a[c] + here[c] * b[c] + k[c];
        }
    });
}

}  // extern "C"
