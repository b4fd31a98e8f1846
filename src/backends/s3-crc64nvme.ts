/** The polynomial of CRC-64/NVME, reflected: its upper and its lower half. */
const [polynomialHigh, polynomialLow] = [0x9a6c9329, 0xac4bc9b5];

/** Upper and lower halves of what a byte adds that stands so many bytes before the last of eight. */
interface Tables {
  readonly high: Int32Array;
  readonly low: Int32Array;
}

let tables: Tables | null = null;

/** 256 values for each distance, as in crc32c.ts. */
function makeTables(): Tables {
  const [high, low] = [new Int32Array(8 * 256), new Int32Array(8 * 256)];
  for (let byte = 0; byte < 256; byte += 1) {
    let [upper, lower] = [0, byte];
    for (let bit = 0; bit < 8; bit += 1) {
      const carry = lower & 1;
      lower = (lower >>> 1) | (upper << 31);
      upper >>>= 1;
      if (carry === 0) continue;
      lower ^= polynomialLow;
      upper ^= polynomialHigh;
    }
    high[byte] = upper;
    low[byte] = lower;
  }
  for (let at = 256; at < high.length; at += 1) {
    const [upper, lower] = [valueAt(high, at - 256), valueAt(low, at - 256)];
    high[at] = (upper >>> 8) ^ valueAt(high, lower & 255);
    low[at] = ((lower >>> 8) | (upper << 24)) ^ valueAt(low, lower & 255);
  }
  return { high, low };
}

/** Takes bytes in order; `digest` is as S3 writes it: big-endian, in base64. */
export function newCrc64nvme(): { update(bytes: Uint8Array): void; digest(): string } {
  tables ??= makeTables();
  const made = tables;
  const crc = new Int32Array([-1, -1]);
  return {
    update: (bytes) => update(crc, made, bytes),
    digest() {
      const bytes = Buffer.alloc(8);
      bytes.writeInt32BE(~valueAt(crc, 0), 0);
      bytes.writeInt32BE(~valueAt(crc, 1), 4);
      return bytes.toString('base64');
    },
  };
}

function update(crc: Int32Array, tables: Tables, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.byteLength - (bytes.byteLength % 8);
  let [high, low] = [valueAt(crc, 0), valueAt(crc, 1)];
  let at = 0;
  for (; at < whole; at += 8) {
    const [near, far] = [low ^ view.getInt32(at, true), high ^ view.getInt32(at + 4, true)];
    [high, low] = [0, 0];
    for (let shift = 0; shift < 32; shift += 8) {
      const first = 1792 - 32 * shift + ((near >>> shift) & 255);
      const second = 768 - 32 * shift + ((far >>> shift) & 255);
      high ^= valueAt(tables.high, first) ^ valueAt(tables.high, second);
      low ^= valueAt(tables.low, first) ^ valueAt(tables.low, second);
    }
  }
  for (; at < bytes.byteLength; at += 1) {
    const place = (low ^ view.getUint8(at)) & 255;
    low = ((low >>> 8) | (high << 24)) ^ valueAt(tables.low, place);
    high = (high >>> 8) ^ valueAt(tables.high, place);
  }
  crc[0] = high;
  crc[1] = low;
}

function valueAt(values: Int32Array, place: number): number {
  return values[place] as number;
}
