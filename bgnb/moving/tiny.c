// The layers of `tiny` for a page, on numbers of four bytes, colours last. `make wasm` compiles them; tiny.wasm is the result.
typedef float four __attribute__((vector_size(16))); // worked on at once
typedef four loose __attribute__((aligned(4)));      // in memory, wherever a number may lie

#define EXPORT(name) __attribute__((export_name(name)))

// A k x k convolution without padding and its ReLU: (h, w, ins) -> (h - k + 1, w - k + 1, outs). The weights lie as
// (outs / 8, k, k, ins, 8), so that a row of the result needs eight channels of them, over and over.
EXPORT("conv")
void conv(const float *in, int h, int w, int ins, const float *weights, const float *bias, int k, int outs, float *out) {
  const int across = w - k + 1, run = k * ins;
  for (int y = 0; y + k <= h; y++)
    for (int o = 0; o < outs; o += 8)
      for (int x = 0; x < across; x += 4) { // four pixels at once; beyond the border, the last one again
        int at[4];
        four sum[4][2];
        for (int j = 0; j < 4; j++) {
          at[j] = x + j < across ? x + j : across - 1;
          sum[j][0] = *(const loose *)(bias + o);
          sum[j][1] = *(const loose *)(bias + o + 4);
        }
        const float *weight = weights + k * run * o;
        for (int row = 0; row < k; row++) {
          const float *line = in + (y + row) * w * ins;
          const float *p = line + at[0] * ins, *q = line + at[1] * ins, *r = line + at[2] * ins, *s = line + at[3] * ins;
          for (int i = 0; i < run; i++, weight += 8) {
            const four a = *(const loose *)weight, b = *(const loose *)(weight + 4);
            sum[0][0] += a * p[i], sum[0][1] += b * p[i];
            sum[1][0] += a * q[i], sum[1][1] += b * q[i];
            sum[2][0] += a * r[i], sum[2][1] += b * r[i];
            sum[3][0] += a * s[i], sum[3][1] += b * s[i];
          }
        }
        for (int j = 0; j < 4; j++)
          for (int half = 0; half < 2; half++)
            *(loose *)(out + (y * across + at[j]) * outs + o + 4 * half) = __builtin_wasm_max_f32x4(sum[j][half], (four){0});
      }
}

// The largest of each 2 x 2 pixels: (h, w, n) -> (h / 2, w / 2, n).
EXPORT("pool")
void pool(const float *in, int h, int w, int n, float *out) {
  for (int y = 0; y + 2 <= h; y += 2)
    for (int x = 0; x + 2 <= w; x += 2)
      for (int i = 0; i < n; i += 4, out += 4) {
        const float *p = in + (y * w + x) * n + i, *q = p + w * n;
        const four upper = __builtin_wasm_max_f32x4(*(const loose *)p, *(const loose *)(p + n));
        const four lower = __builtin_wasm_max_f32x4(*(const loose *)q, *(const loose *)(q + n));
        *(loose *)out = __builtin_wasm_max_f32x4(upper, lower);
      }
}
