import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, onTestFinished, test } from 'vitest';
import { configurationOf } from '../../src/config/from-object.js';
import { loadConfiguration } from '../../src/config/settings.js';
import { sizeWithin } from '../../src/fields/images.js';
import { UploadedFile } from '../../src/fields/uploaded-file.js';
import { UploadedImageWithThumb } from '../../src/fields/uploaded-image.js';
import { WithThumbnail } from '../../src/fields/with-thumbnail.js';
import { FileIntent } from '../../src/library/file-intent.js';
import { Manager } from '../../src/manager.js';

const site = path.resolve(import.meta.dirname, '../../fixtures/kotti-site');

function newManager(): Manager {
  const storages = { files: { backend: 'memory' } };
  const manager = new Manager(configurationOf({ storages, mountpoint: '/media' }));
  onTestFinished(() => manager.close());
  return manager;
}

function picture(width: number, height: number, format: 'png' | 'jpeg' | 'gif'): Promise<Buffer> {
  const image = sharp({ create: { width, height, channels: 3, background: 'teal' } });
  return image.toFormat(format).toBuffer();
}

async function idsIn(manager: Manager): Promise<string[]> {
  const ids: string[] = [];
  for await (const id of (await manager.storage('files')).list()) ids.push(id);
  return ids;
}

test.each([
  [
    [640, 480],
    [128, 128],
    [128, 96],
  ],
  [
    [480, 640],
    [128, 128],
    [96, 128],
  ],
  [
    [1000, 3],
    [128, 128],
    [128, 1],
  ],
  [
    [100, 100],
    [128, 128],
    [100, 100],
  ],
  [
    [200, 100],
    [128, 64],
    [128, 64],
  ],
  [
    [333, 500],
    [12, 12],
    [8, 12],
  ],
] as const)('an image of %s within %s becomes one of %s', (image, size, expected) => {
  expect(sizeWithin(image, size)).toEqual(expected);
});

test('no size is larger than asked for, or nothing', () => {
  const side = fc.integer({ min: 1, max: 20_000 });
  fc.assert(
    fc.property(side, side, side, side, (width, height, most, highest) => {
      const [newWidth, newHeight] = sizeWithin([width, height], [most, highest]);
      expect(newWidth).toBeGreaterThan(0);
      expect(newHeight).toBeGreaterThan(0);
      expect(newWidth).toBeLessThanOrEqual(Math.min(most, width));
      expect(newHeight).toBeLessThanOrEqual(Math.min(highest, height));
    }),
  );
});

describe('WithThumbnail', () => {
  test('adds the keys of Python, and a PNG with transparency', async () => {
    const manager = newManager();
    const photo = new FileIntent(await picture(640, 480, 'jpeg'), 'quay.jpg', 'image/jpeg');
    const filters = [new WithThumbnail(), new WithThumbnail([12, 12])];
    const file = await UploadedFile.create(manager, photo, { filters });
    expect(Object.keys(file.toJSON()).slice(8)).toEqual(
      ['128x128', '12x12'].flatMap((size) =>
        ['id', 'path', 'url'].map((key) => `thumb_${size}_${key}`),
      ),
    );
    expect(file.files).toHaveLength(3);
    const path0 = String(file.get('thumb_128x128_path'));
    expect(file.get('thumb_128x128_url')).toBe(`/media/${path0}`);
    const thumb = await manager.getFile(path0);
    expect(thumb).toMatchObject({ filename: 'thumb_128x128.png', contentType: 'image/png' });
    expect(await sharp(await thumb.bytes()).metadata()).toMatchObject({
      ...{ format: 'png', width: 128, height: 96, channels: 4 },
    });
  });

  test('makes other formats', async () => {
    const manager = newManager();
    const filters = [new WithThumbnail([64, 64], 'JPEG')];
    const file = await UploadedFile.create(manager, await picture(100, 50, 'png'), { filters });
    const thumb = await manager.getFile(String(file.get('thumb_64x64_path')));
    expect(thumb).toMatchObject({ filename: 'thumb_64x64.jpeg', contentType: 'image/jpeg' });
    expect(await sharp(await thumb.bytes()).metadata()).toMatchObject({ width: 64, height: 32 });
  });

  test('gives thumbnails the sizes that Python gave them', async () => {
    const manager = new Manager(
      await loadConfiguration({ file: path.join(site, 'production.ini'), env: {} }),
    );
    onTestFinished(() => manager.close());
    const texts = (
      JSON.parse(readFileSync(path.join(site, '..', 'references.json'), 'utf8')) as {
        kotti_site: { raw: string | null }[];
      }
    ).kotti_site.map(({ raw }) => raw ?? '');
    const images = texts
      .filter((text) => text.includes('"thumb_128x128_id"') && text.endsWith('}'))
      .map((text) => UploadedFile.decode(text));
    expect(images.length).toBeGreaterThan(3);
    let compared = 0;
    for (const image of images) {
      const [own, thumb] = await Promise.all(
        [image.path, String(image.get('thumb_128x128_path'))].map((one) =>
          manager.getFile(one).catch(() => null),
        ),
      );
      if (!own || !thumb) continue;
      const made = await sharp(await thumb.bytes()).metadata();
      const { width, height } = await sharp(await own.bytes()).metadata();
      expect([made.width, made.height]).toEqual(sizeWithin([width, height], [128, 128]));
      expect(made).toMatchObject({ format: 'png', channels: 4 });
      compared += 1;
    }
    expect(compared).toBeGreaterThan(3);
  });

  test.each<[string, () => Promise<Uint8Array>]>([
    ['a text', async () => Buffer.from('hello')],
    ['empty', async () => Buffer.alloc(0)],
    ['cut off', async () => (await picture(300, 300, 'png')).subarray(0, 60)],
    [
      'a drawing',
      async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
    ],
    [
      'larger than it may be',
      async () => {
        // A PNG whose head says that it is 30,000 pixels wide and high.
        const png = await picture(1, 1, 'png');
        png.writeUInt32BE(30_000, 16);
        png.writeUInt32BE(30_000, 20);
        return png;
      },
    ],
  ])('refuses what is %s, and leaves nothing behind', async (_what, content) => {
    const manager = newManager();
    const filters = [new WithThumbnail()];
    const upload = UploadedFile.create(manager, await content(), { filters, filename: 'x.png' });
    await expect(upload).rejects.toMatchObject({
      kind: 'usage',
      message: expect.stringMatching(/^x\.png is no image that can be read: ./),
    });
    expect(await idsIn(manager)).toEqual([]);
  });
});

describe('UploadedImageWithThumb', () => {
  test('makes large images smaller, in their own format, and adds a thumbnail', async () => {
    const manager = newManager();
    const photo = new FileIntent(await picture(2048, 1000, 'jpeg'), 'quay.jpg', 'image/jpeg');
    const file = await UploadedImageWithThumb.create(manager, photo);
    const stored = await file.file(manager);
    expect(stored).toMatchObject({ filename: 'quay.jpg', contentType: 'image/jpeg' });
    expect(await sharp(await stored.bytes()).metadata()).toMatchObject({
      ...{ format: 'jpeg', width: 1024, height: 500 },
    });
    expect(Object.keys(file.toJSON()).slice(8)).toEqual([
      'thumb_id',
      'thumb_path',
      '_thumb_public_url',
    ]);
    const thumb = await file.thumbFile(manager);
    expect(thumb).toMatchObject({ filename: 'thumb.png', contentType: 'image/png' });
    expect(await sharp(await thumb.bytes()).metadata()).toMatchObject({ width: 128, height: 63 });
    expect(file.thumbUrl(manager)).toBe(`/media/${thumb.path}`);
    expect(file.files).toEqual([file.path, thumb.path]);
    expect(UploadedImageWithThumb.decode(file.encode()).thumbUrl(manager)).toBe(
      file.thumbUrl(manager),
    );
  });

  test('leaves small ones as they are, and takes other limits', async () => {
    class Small extends UploadedImageWithThumb {
      static override readonly maxSize = 50;
      static override readonly thumbnailSize = [10, 10] as const;
      static override readonly thumbnailFormat = 'WEBP';
    }
    const manager = newManager();
    const png = await picture(40, 40, 'png');
    const small = await Small.create(manager, png, { filename: 'a.png' });
    expect(Buffer.from(await (await small.file(manager)).bytes()).equals(png)).toBe(true);
    const large = await Small.create(manager, await picture(60, 30, 'gif'), { filename: 'a.gif' });
    const now = await sharp(await (await large.file(manager)).bytes()).metadata();
    expect(now).toMatchObject({ format: 'gif', width: 50, height: 25 });
    expect(await large.thumbFile(manager)).toMatchObject({ filename: 'thumb.webp' });
  });
});
