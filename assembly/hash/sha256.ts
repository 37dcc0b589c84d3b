// SPDX-License-Identifier: MIT
/** SHA-256 after FIPS 180-4, on memory that is already in the core. */

/** Bytes of a block, and of the state: eight words. */
export const BLOCK_BYTES: usize = 64
export const STATE_BYTES: usize = 32

/** The constants of the rounds: fractions of the cube roots of the first 64 primes. */
const K: usize = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
  0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
  0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
  0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
  0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
  0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
  0xc67178f2,
])

/** A word of the message: big-endian. */
function word(data: usize): u32 {
  return bswap<u32>(load<u32>(data))
}

/** What a round adds to two of the words. */
function first(e: u32, f: u32, g: u32, h: u32, k: u32, w: u32): u32 {
  return h + (rotr<u32>(e, 6) ^ rotr<u32>(e, 11) ^ rotr<u32>(e, 25)) + (g ^ (e & (f ^ g))) + k + w
}

/** What a round adds to one of them alone. */
function second(a: u32, b: u32, c: u32): u32 {
  return (rotr<u32>(a, 2) ^ rotr<u32>(a, 13) ^ rotr<u32>(a, 22)) + ((a & b) | (c & (a | b)))
}

/** The next word of the schedule, from those 16, 15, 7 and 2 before it. */
function next(w16: u32, w15: u32, w7: u32, w2: u32): u32 {
  const low = rotr<u32>(w15, 7) ^ rotr<u32>(w15, 18) ^ (w15 >> 3)
  const high = rotr<u32>(w2, 17) ^ rotr<u32>(w2, 19) ^ (w2 >> 10)
  return w16 + low + w7 + high
}

/**
 * Mixes `count` blocks of 64 bytes at `data` into the state: eight words, as the processor stores them. The rounds are
 * written out sixteen at a time, so that the words of state and schedule need not move.
 */
export function sha256Blocks(state: usize, data: usize, count: u32): void {
  let s0 = load<u32>(state, 0)
  let s1 = load<u32>(state, 4)
  let s2 = load<u32>(state, 8)
  let s3 = load<u32>(state, 12)
  let s4 = load<u32>(state, 16)
  let s5 = load<u32>(state, 20)
  let s6 = load<u32>(state, 24)
  let s7 = load<u32>(state, 28)
  for (let end = data + (count as usize) * BLOCK_BYTES; data < end; data += BLOCK_BYTES) {
    let w0 = word(data)
    let w1 = word(data + 4)
    let w2 = word(data + 8)
    let w3 = word(data + 12)
    let w4 = word(data + 16)
    let w5 = word(data + 20)
    let w6 = word(data + 24)
    let w7 = word(data + 28)
    let w8 = word(data + 32)
    let w9 = word(data + 36)
    let w10 = word(data + 40)
    let w11 = word(data + 44)
    let w12 = word(data + 48)
    let w13 = word(data + 52)
    let w14 = word(data + 56)
    let w15 = word(data + 60)
    let a = s0
    let b = s1
    let c = s2
    let d = s3
    let e = s4
    let f = s5
    let g = s6
    let h = s7
    let t: u32
    t = first(e, f, g, h, load<u32>(K, 0), w0)
    d += t
    h = t + second(a, b, c)
    t = first(d, e, f, g, load<u32>(K, 4), w1)
    c += t
    g = t + second(h, a, b)
    t = first(c, d, e, f, load<u32>(K, 8), w2)
    b += t
    f = t + second(g, h, a)
    t = first(b, c, d, e, load<u32>(K, 12), w3)
    a += t
    e = t + second(f, g, h)
    t = first(a, b, c, d, load<u32>(K, 16), w4)
    h += t
    d = t + second(e, f, g)
    t = first(h, a, b, c, load<u32>(K, 20), w5)
    g += t
    c = t + second(d, e, f)
    t = first(g, h, a, b, load<u32>(K, 24), w6)
    f += t
    b = t + second(c, d, e)
    t = first(f, g, h, a, load<u32>(K, 28), w7)
    e += t
    a = t + second(b, c, d)
    t = first(e, f, g, h, load<u32>(K, 32), w8)
    d += t
    h = t + second(a, b, c)
    t = first(d, e, f, g, load<u32>(K, 36), w9)
    c += t
    g = t + second(h, a, b)
    t = first(c, d, e, f, load<u32>(K, 40), w10)
    b += t
    f = t + second(g, h, a)
    t = first(b, c, d, e, load<u32>(K, 44), w11)
    a += t
    e = t + second(f, g, h)
    t = first(a, b, c, d, load<u32>(K, 48), w12)
    h += t
    d = t + second(e, f, g)
    t = first(h, a, b, c, load<u32>(K, 52), w13)
    g += t
    c = t + second(d, e, f)
    t = first(g, h, a, b, load<u32>(K, 56), w14)
    f += t
    b = t + second(c, d, e)
    t = first(f, g, h, a, load<u32>(K, 60), w15)
    e += t
    a = t + second(b, c, d)
    for (let k = K + 64; k < K + 256; k += 64) {
      w0 = next(w0, w1, w9, w14)
      t = first(e, f, g, h, load<u32>(k, 0), w0)
      d += t
      h = t + second(a, b, c)
      w1 = next(w1, w2, w10, w15)
      t = first(d, e, f, g, load<u32>(k, 4), w1)
      c += t
      g = t + second(h, a, b)
      w2 = next(w2, w3, w11, w0)
      t = first(c, d, e, f, load<u32>(k, 8), w2)
      b += t
      f = t + second(g, h, a)
      w3 = next(w3, w4, w12, w1)
      t = first(b, c, d, e, load<u32>(k, 12), w3)
      a += t
      e = t + second(f, g, h)
      w4 = next(w4, w5, w13, w2)
      t = first(a, b, c, d, load<u32>(k, 16), w4)
      h += t
      d = t + second(e, f, g)
      w5 = next(w5, w6, w14, w3)
      t = first(h, a, b, c, load<u32>(k, 20), w5)
      g += t
      c = t + second(d, e, f)
      w6 = next(w6, w7, w15, w4)
      t = first(g, h, a, b, load<u32>(k, 24), w6)
      f += t
      b = t + second(c, d, e)
      w7 = next(w7, w8, w0, w5)
      t = first(f, g, h, a, load<u32>(k, 28), w7)
      e += t
      a = t + second(b, c, d)
      w8 = next(w8, w9, w1, w6)
      t = first(e, f, g, h, load<u32>(k, 32), w8)
      d += t
      h = t + second(a, b, c)
      w9 = next(w9, w10, w2, w7)
      t = first(d, e, f, g, load<u32>(k, 36), w9)
      c += t
      g = t + second(h, a, b)
      w10 = next(w10, w11, w3, w8)
      t = first(c, d, e, f, load<u32>(k, 40), w10)
      b += t
      f = t + second(g, h, a)
      w11 = next(w11, w12, w4, w9)
      t = first(b, c, d, e, load<u32>(k, 44), w11)
      a += t
      e = t + second(f, g, h)
      w12 = next(w12, w13, w5, w10)
      t = first(a, b, c, d, load<u32>(k, 48), w12)
      h += t
      d = t + second(e, f, g)
      w13 = next(w13, w14, w6, w11)
      t = first(h, a, b, c, load<u32>(k, 52), w13)
      g += t
      c = t + second(d, e, f)
      w14 = next(w14, w15, w7, w12)
      t = first(g, h, a, b, load<u32>(k, 56), w14)
      f += t
      b = t + second(c, d, e)
      w15 = next(w15, w0, w8, w13)
      t = first(f, g, h, a, load<u32>(k, 60), w15)
      e += t
      a = t + second(b, c, d)
    }
    s0 += a
    s1 += b
    s2 += c
    s3 += d
    s4 += e
    s5 += f
    s6 += g
    s7 += h
  }
  store<u32>(state, s0, 0)
  store<u32>(state, s1, 4)
  store<u32>(state, s2, 8)
  store<u32>(state, s3, 12)
  store<u32>(state, s4, 16)
  store<u32>(state, s5, 20)
  store<u32>(state, s6, 24)
  store<u32>(state, s7, 28)
}

/**
 * Mixes pages of `pageBytes` bytes at `data` into the state and writes the state after each of them to `states`: they
 * tell every page apart from any other that could stand in its place.
 */
export function sha256Pages(state: usize, data: usize, pages: u32, pageBytes: u32, states: usize): void {
  for (let page: u32 = 0; page < pages; page++) {
    sha256Blocks(state, data, pageBytes / (BLOCK_BYTES as u32))
    memory.copy(states, state, STATE_BYTES)
    data += pageBytes
    states += STATE_BYTES
  }
}
