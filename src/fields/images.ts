import type { Sharp, SharpConstructor } from 'sharp';
import { DepotError, messageOf } from '../errors.js';

/** Pixels: twice what Pillow refuses by default. A small file may say that it has many more. */
const mostPixels = 2 * 89_478_485;

/** The widest and the highest that an image may become. */
export type Size = readonly [width: number, height: number];

/** An image that was read, and its ways to become smaller. Turned as it is stored, as in Python. */
export interface Image {
  readonly width: number;
  readonly height: number;
  /** The image within a size, with its own proportions, in its own format. */
  within(size: Size): Promise<Buffer>;
  /** The same with transparency, in a format such as `PNG`. */
  thumbnail(
    size: Size,
    options: { format: string; kernel: 'linear' | 'lanczos3' },
  ): Promise<Buffer>;
}

/**
 * Reads an image of any format that sharp knows, but for drawings, which Pillow does not read.
 *
 * @throws DepotError `usage` for what is no image, or too large; `config` without sharp
 */
export async function openImage(bytes: Uint8Array, name: string): Promise<Image> {
  const sharp = await loadSharp();
  const open = (): Sharp => sharp(bytes, { limitInputPixels: mostPixels });
  const readable = <T>(action: Promise<T>): Promise<T> =>
    action.catch((error: unknown) => {
      throw new DepotError('usage', `${name} is no image that can be read: ${messageOf(error)}`);
    });
  const { width, height, format } = await readable((async () => open().metadata())());
  if (format === 'svg' || format === 'pdf') {
    throw new DepotError('usage', `${name} is no image that can be read: it is a drawing`);
  }
  const scaled = (size: Size, kernel: 'linear' | 'lanczos3'): Sharp => {
    const [newWidth, newHeight] = sizeWithin([width, height], size);
    return open().resize(newWidth, newHeight, { fit: 'fill', kernel });
  };
  return {
    ...{ width, height },
    // What tells how to turn a photograph stays with it.
    within: (size) => readable(scaled(size, 'linear').keepExif().toFormat(format).toBuffer()),
    thumbnail(size, { format: wanted, kernel }) {
      const small = scaled(size, kernel);
      const isOpaque = /^jpe?g$/i.test(wanted);
      const alpha = isOpaque ? small.flatten({ background: '#ffffff' }) : small.ensureAlpha();
      return readable(alpha.toFormat(wanted.toLowerCase() as 'png').toBuffer());
    },
  };
}

/**
 * The size that Pillow's `Image.thumbnail` gives an image: never larger than it is, its proportions
 * as near as whole pixels allow.
 */
export function sizeWithin([width, height]: Size, [most, highest]: Size): Size {
  if (most >= width && highest >= height) return [width, height];
  const aspect = width / height;
  if (most / highest >= aspect) {
    return [nearest(highest * aspect, (one) => Math.abs(aspect - one / highest)), highest];
  }
  return [most, nearest(most / aspect, (one) => (one === 0 ? 0 : Math.abs(aspect - most / one)))];
}

/** The whole number below or above that has the smaller error, at least 1. */
function nearest(number: number, error: (whole: number) => number): number {
  const [below, above] = [Math.floor(number), Math.ceil(number)];
  return Math.max(error(above) < error(below) ? above : below, 1);
}

async function loadSharp(): Promise<SharpConstructor> {
  try {
    return (await import('sharp')).default;
  } catch (error) {
    throw new DepotError('config', `images cannot be made smaller: ${messageOf(error)}`, {
      hint: 'Install the package that does it: npm install sharp',
      cause: error,
    });
  }
}
