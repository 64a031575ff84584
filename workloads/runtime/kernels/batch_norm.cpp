// Batch normalisation with what is beside it, for training on processors: in float32 with the addition of a residual
// block's shortcut and ReLU after it, in bfloat16 with ReLU before it.
//
// All arrays are matrices of rows (pixels) by channels, the channels contiguous: images in channels-last order. These
// layers are bound by memory, so what counts is how often an array is gone through: three times forward (twice read, once
// written) and five backward, instead of seven and ten of the separate operations with an activation.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
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

// Numbers in bfloat16, as the upper half of a float32's bits.
using Half = std::uint16_t;

inline float widen(Half half) {
    const std::uint32_t bits = static_cast<std::uint32_t>(half) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

// To the nearest, ties to even. What is no number stays none.
inline Half narrow(float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    const std::uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    return static_cast<Half>(value != value ? 0x7fc0 : rounded);
}

// Few channels are rows too short for vectors: LANES numbers are gone through at once, whole rows of `channels`, which
// divide LANES.
constexpr Size LANES = 64;

// A value a channel, repeated over the lanes.
std::vector<float> repeated(const float* values, Size channels) {
    std::vector<float> lanes(LANES);
    for (Size lane = 0; lane < LANES; ++lane)
        lanes[lane] = values[lane % channels];
    return lanes;
}

// Sums by lane, added up to those of the channels.
Sums fold(const Sums& lanes, Size channels) {
    Sums sums{std::vector<double>(channels, 0.0), std::vector<double>(channels, 0.0)};
    for (Size lane = 0; lane < LANES; ++lane) {
        sums.first[lane % channels] += lanes.first[lane];
        sums.second[lane % channels] += lanes.second[lane];
    }
    return sums;
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

// --- ReLU, then normalisation, in bfloat16 with sums in float32 and float64 ------------------------------------------

// Mean and (biased) variance of each channel of relu(x), of `size` numbers, a multiple of LANES.
void rectified_moments(const Half* x, Size size, Size channels, double* mean, double* variance) {
    const Sums lanes = sum_rows(size / LANES, LANES, [=](Size row, float* __restrict sum, float* __restrict squares) {
        const Half* __restrict here = x + row * LANES;
#pragma omp simd
        for (Size l = 0; l < LANES; ++l) {
            const float read = widen(here[l]), value = read < 0.0f ? 0.0f : read;
            sum[l] += value;
            squares[l] += value * value;
        }
    });
    const Sums sums = fold(lanes, channels);
    const double rows = static_cast<double>(size / channels);
    for (Size c = 0; c < channels; ++c) {
        mean[c] = sums.first[c] / rows;
        variance[c] = std::max(0.0, sums.second[c] / rows - mean[c] * mean[c]);
    }
}

// y = relu(x) scale + offset.
void normalise_rectified(const Half* x, const float* scale, const float* offset, Half* y, Size size, Size channels) {
    const std::vector<float> scales = repeated(scale, channels), offsets = repeated(offset, channels);
    const float *__restrict a = scales.data(), *__restrict b = offsets.data();
    each_row(size / LANES, [=](Size row) {
        const Half* __restrict here = x + row * LANES;
        Half* __restrict there = y + row * LANES;
#pragma omp simd
        for (Size l = 0; l < LANES; ++l) {
            const float read = widen(here[l]), value = read < 0.0f ? 0.0f : read;
            there[l] = narrow(value * a[l] + b[l]);
        }
    });
}

// Gradients of `normalise_rectified` where `scale` and `offset` come from the batch's own moments.
void rectified_gradients(const Half* upstream, const Half* x, const double* mean, const double* deviation,
                         const float* gamma, Half* to_x, float* to_gamma, float* to_beta, Size size, Size channels) {
    const std::vector<float> means(mean, mean + channels), centre = repeated(means.data(), channels);
    const float* __restrict middle = centre.data();
    const Sums lanes = sum_rows(size / LANES, LANES, [=](Size row, float* __restrict sum, float* __restrict products) {
        const Half* __restrict here = x + row * LANES;
        const Half* __restrict above = upstream + row * LANES;
#pragma omp simd
        for (Size l = 0; l < LANES; ++l) {
            const float read = widen(here[l]), value = read < 0.0f ? 0.0f : read, gradient = widen(above[l]);
            sum[l] += gradient;
            products[l] += gradient * (value - middle[l]);
        }
    });
    const Sums sums = fold(lanes, channels);
    const double rows = static_cast<double>(size / channels);
    std::vector<float> of_gradient(channels), of_value(channels), constant(channels);
    for (Size c = 0; c < channels; ++c) {
        to_beta[c] = sums.first[c];
        to_gamma[c] = sums.second[c] / deviation[c];
        const double factor = gamma[c] / deviation[c];
        const double slope = sums.second[c] / rows / (deviation[c] * deviation[c]);
        of_gradient[c] = factor;
        of_value[c] = -factor * slope;
        constant[c] = factor * (slope * mean[c] - sums.first[c] / rows);
    }
    const std::vector<float> gradients = repeated(of_gradient.data(), channels),
                             values = repeated(of_value.data(), channels),
                             constants = repeated(constant.data(), channels);
    const float *__restrict a = gradients.data(), *__restrict b = values.data(), *__restrict k = constants.data();
    each_row(size / LANES, [=](Size row) {
        const Half* __restrict here = x + row * LANES;
        const Half* __restrict above = upstream + row * LANES;
        Half* __restrict below = to_x + row * LANES;
#pragma omp simd
        for (Size l = 0; l < LANES; ++l) {
            const float read = widen(here[l]);
            const float found = widen(above[l]) * a[l] + read * b[l] + k[l];
            below[l] = narrow(read <= 0.0f ? 0.0f : found);
        }
    });
}

}  // extern "C"
