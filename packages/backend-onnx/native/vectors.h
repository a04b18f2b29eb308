/** How functions are written that processors with AVX-512 run. */
#pragma once
#include <immintrin.h>
#include <stdint.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))
/** Parameters of these functions that are constants where they are called become part of the code. */
#define INLINE static inline __attribute__((always_inline)) AVX512
/** Before a loop whose length is such a constant: what it sums up stays in registers. */
#ifdef __clang__
#define UNROLLED _Pragma("clang loop unroll(full)")
#define UNROLLED_BY_8 _Pragma("clang loop unroll_count(8)")
#else
#define UNROLLED _Pragma("GCC unroll 64")
#define UNROLLED_BY_8 _Pragma("GCC unroll 8")
#endif

static inline int64_t ceilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }
static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t aligned(int64_t bytes) { return ceilDivide(bytes, 64) * 64; }

/** As many of 16 numbers as are left. */
INLINE __mmask16 numbersLeft(int64_t left) { return left >= 16 ? 0xffff : left <= 0 ? 0 : (__mmask16)((1u << left) - 1); }

/** The four quarters of a vector, added up. */
INLINE __m128 addQuarters(__m512 numbers) {
  const __m256 pairs = _mm256_add_ps(_mm512_castps512_ps256(numbers), _mm512_extractf32x8_ps(numbers, 1));
  return _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1));
}

/** The sums of four vectors. */
INLINE __m128 addEach(const __m512 vectors[4]) {
  __m512d pairs[2];
  UNROLLED
  for (int each = 0; each < 2; each++) {
    const __m512 one = vectors[2 * each], other = vectors[2 * each + 1];
    pairs[each] = _mm512_castps_pd(_mm512_add_ps(_mm512_unpacklo_ps(one, other), _mm512_unpackhi_ps(one, other)));
  }
  const __m512 front = _mm512_castpd_ps(_mm512_unpacklo_pd(pairs[0], pairs[1]));
  return addQuarters(_mm512_add_ps(front, _mm512_castpd_ps(_mm512_unpackhi_pd(pairs[0], pairs[1]))));
}

/** The sum of one, in the same order. */
INLINE float addOne(__m512 vector) {
  const __m512 pairs = _mm512_add_ps(vector, _mm512_permute_ps(vector, _MM_SHUFFLE(1, 0, 3, 2)));
  return _mm_cvtss_f32(addQuarters(_mm512_add_ps(pairs, _mm512_permute_ps(pairs, _MM_SHUFFLE(2, 3, 0, 1)))));
}

/** 16 × 16 numbers of 32 bits, columns to rows. */
INLINE void transpose16(__m512i rows[16]) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    rows[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    rows[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    rows[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    rows[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0xdd);
  }
  for (int i = 0; i < 4; i++) {
    rows[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    rows[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
    rows[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    rows[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
  }
}

/** e to the power of each: 2 to the whole part, and the series of what is left, which errs by 1e-8 of it at most. */
INLINE __m512 exponential(__m512 x) {
  const __m512 powers = _mm512_mul_ps(x, _mm512_set1_ps(1.44269504f));
  const __m512 whole = _mm512_roundscale_ps(powers, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 rest = _mm512_fnmadd_ps(whole, _mm512_set1_ps(-2.12194440e-4f), _mm512_fnmadd_ps(whole, _mm512_set1_ps(0.693359375f), x));
  __m512 sum = _mm512_set1_ps(1.0f / 5040);
  sum = _mm512_fmadd_ps(sum, rest, _mm512_set1_ps(1.0f / 720));
  sum = _mm512_fmadd_ps(sum, rest, _mm512_set1_ps(1.0f / 120));
  sum = _mm512_fmadd_ps(sum, rest, _mm512_set1_ps(1.0f / 24));
  sum = _mm512_fmadd_ps(sum, rest, _mm512_set1_ps(1.0f / 6));
  sum = _mm512_fmadd_ps(sum, rest, _mm512_set1_ps(0.5f));
  sum = _mm512_fmadd_ps(sum, rest, _mm512_set1_ps(1));
  sum = _mm512_fmadd_ps(sum, rest, _mm512_set1_ps(1));
  const __mmask16 isSome = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-87), _CMP_NLT_UQ);
  return _mm512_maskz_scalef_ps(isSome, sum, whole);
}
