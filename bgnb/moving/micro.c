// What `micro` needs to learn in a page: its layers, their gradients and an update, on numbers of four bytes, colours last.
// micro.js calls them, one picture at a time. `make wasm` compiles them; micro.wasm is the result.
#include "tiny.c" // `pool`, and the types; not its `conv`, which is slower on pictures of a few pixels

// sum[j] += from[j] x weight, n times: `step` and `stride` numbers lie between those of one time and the next. A convolution
// is made of this small product, and so are both of its gradients.
static inline __attribute__((always_inline)) void product(
    four sum[4][2], const float *const from[4], int step, const float *weight, int stride, int n) {
  const float *p = from[0], *q = from[1], *r = from[2], *s = from[3];
  for (int i = 0; i < n; i++, p += step, q += step, r += step, s += step, weight += stride) {
    const four a = *(const loose *)weight, b = *(const loose *)(weight + 4);
    sum[0][0] += a * *p, sum[0][1] += b * *p;
    sum[1][0] += a * *q, sum[1][1] += b * *q;
    sum[2][0] += a * *r, sum[2][1] += b * *r;
    sum[3][0] += a * *s, sum[3][1] += b * *s;
  }
}

// A loop of its own, because clang would call a library that is not there.
static __attribute__((noinline, no_builtin("memset"))) void clear(float *to, int n) {
  for (int i = 0; i < n; i += 4) *(loose *)(to + i) = (four){0};
}

// A 3 x 3 convolution and its ReLU: (h, w, ins) -> (h - 2, w - 2, outs). Weights lie as (outs / 8, 3, 3, ins, 8).
EXPORT("forward")
void forward(const float *in, int h, int w, int ins, const float *weights, const float *bias, int outs, float *out) {
  const int across = w - 2, n = across * (h - 2), run = 3 * ins;
  for (int o = 0; o < outs; o += 8)
    for (int t = 0; t < n; t += 4) { // four pixels at once; beyond the last one, it again
      four sum[4][2];
      const float *from[4];
      for (int j = 0; j < 4; j++) {
        const int at = t + j < n ? t + j : n - 1;
        from[j] = in + (at / across * w + at % across) * ins;
        sum[j][0] = *(const loose *)(bias + o);
        sum[j][1] = *(const loose *)(bias + o + 4);
      }
      for (int row = 0; row < 3; row++) {
        product(sum, from, 1, weights + (3 * o + 8 * row) * run, 8, run);
        for (int j = 0; j < 4; j++) from[j] += w * ins;
      }
      for (int j = 0; j < 4 && t + j < n; j++)
        for (int half = 0; half < 2; half++)
          *(loose *)(out + (t + j) * outs + o + 4 * half) = __builtin_wasm_max_f32x4(sum[j][half], (four){0});
    }
}

// Add a convolution's gradients to those of its weights and biases. `slope` is that of what comes out, before the ReLU.
EXPORT("weigh")
void weigh(const float *in, int h, int w, int ins, const float *slope, int outs, float *weights, float *bias) {
  const int across = w - 2, run = 3 * ins;
  for (int o = 0; o < outs; o += 8)
    for (int row = 0; row < 3; row++)
      for (int i = 0; i < run; i += 4) {
        four sum[4][2] = {0};
        for (int y = 0; y < h - 2; y++) {
          const float *p = in + (y + row) * w * ins + i;
          const float *const from[4] = {p, i + 1 < run ? p + 1 : p, i + 2 < run ? p + 2 : p, i + 3 < run ? p + 3 : p};
          product(sum, from, ins, slope + y * across * outs + o, outs, across);
        }
        for (int j = 0; j < 4 && i + j < run; j++)
          for (int half = 0; half < 2; half++)
            *(loose *)(weights + (3 * o + 8 * row) * run + 8 * (i + j) + 4 * half) += sum[j][half];
      }
  for (int t = 0; t < across * (h - 2); t++)
    for (int o = 0; o < outs; o += 4) *(loose *)(bias + o) += *(const loose *)(slope + t * outs + o);
}

// The weights with ins and outs exchanged: (outs / 8, 3, 3, ins, 8) -> (ins / 8, 3, 3, outs, 8).
EXPORT("turn")
void turn(const float *weights, int ins, int outs, float *turned) {
  for (int o = 0; o < outs; o++)
    for (int place = 0; place < 9; place++)
      for (int i = 0; i < ins; i++)
        turned[((i / 8 * 9 + place) * outs + o) * 8 + i % 8] = weights[((o / 8 * 9 + place) * ins + i) * 8 + o % 8];
}

// The gradient of a convolution's input: every pixel of `slope` gives it back to the 3 x 3 pixels that it has seen. Where the
// input is 0, the ReLU before it lets nothing through.
EXPORT("back")
void back(const float *in, int h, int w, int ins, const float *turned, const float *slope, int outs, float *to) {
  const int across = w - 2, n = across * (h - 2);
  clear(to, h * w * ins);
  for (int i = 0; i < ins; i += 8)
    for (int place = 0; place < 9; place++)
      for (int t = 0; t < n; t += 4) {
        four sum[4][2] = {0};
        const float *from[4];
        for (int j = 0; j < 4; j++) from[j] = slope + (t + j < n ? t + j : n - 1) * outs;
        product(sum, from, 1, turned + (9 * i + 8 * place) * outs, 8, outs);
        for (int j = 0; j < 4 && t + j < n; j++) {
          float *pixel = to + (((t + j) / across + place / 3) * w + (t + j) % across + place % 3) * ins + i;
          *(loose *)pixel += sum[j][0], *(loose *)(pixel + 4) += sum[j][1];
        }
      }
  for (int i = 0; i < h * w * ins; i++)
    if (in[i] <= 0) to[i] = 0;
}

// The gradient of a pooling's input: the first of the largest of each 2 x 2 gets it, the others 0.
EXPORT("unpool")
void unpool(const float *in, int h, int w, int n, const float *pooled, const float *slope, float *to) {
  clear(to, h * w * n);
  for (int y = 0; y + 2 <= h; y += 2)
    for (int x = 0; x + 2 <= w; x += 2)
      for (int i = 0; i < n; i++, pooled++, slope++) {
        const int p = (y * w + x) * n + i, q = p + w * n;
        to[in[p] == *pooled ? p : in[p + n] == *pooled ? p + n : in[q] == *pooled ? q : q + n] = *slope;
      }
}

// An update of n numbers as torch.optim.SGD makes it, and of their running mean. The gradient begins anew.
EXPORT("descend")
void descend(
    float *weights, float *slope, float *speed, float *mean, int n, float lr, float momentum, float decay, float keep) {
  for (int i = 0; i < n; i++) {
    speed[i] = momentum * speed[i] + (slope[i] + decay * weights[i]);
    weights[i] -= lr * speed[i];
    mean[i] = keep * mean[i] + (1 - keep) * weights[i];
    slope[i] = 0;
  }
}
