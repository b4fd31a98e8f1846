import {
  Cascade,
  defineEntity,
  type EntityManager,
  type InferEntity,
  type MikroORM,
  type Options,
  p,
} from '@mikro-orm/core';
import type { Manager } from '../../src/index.js';
import { FileSubscriber, UploadedFileType } from '../../src/sessions/mikro-orm.js';
import type { Application, Session, Tables } from './contract.js';

export const Document = defineEntity({
  name: 'Document',
  tableName: 'documents',
  properties: {
    id: p.integer().primary(),
    name: p.string(),
    file: p.type(UploadedFileType).nullable(),
    pages: () => p.oneToMany(Page).mappedBy('document').cascade(Cascade.PERSIST, Cascade.REMOVE),
  },
});

export const Page = defineEntity({
  name: 'Page',
  tableName: 'pages',
  properties: {
    id: p.integer().primary(),
    document: () => p.manyToOne(Document),
    file: p.type(UploadedFileType).nullable(),
  },
});

function sessionOf(files: FileSubscriber, em: EntityManager): Session {
  const find = (name: string): Promise<InferEntity<typeof Document>> =>
    em.findOneOrFail(Document, { name });
  return {
    unit: files.unit(em),
    async insert(name, file) {
      em.create(Document, { name, file });
      await em.flush();
    },
    async addPage(name, file) {
      em.create(Page, { document: await find(name), file });
      await em.flush();
    },
    fileOf: async (name) => (await find(name)).file ?? null,
    async setFile(name, file) {
      (await find(name)).file = file;
      await em.flush();
    },
    async rename(name, to) {
      (await find(name)).name = to;
      await em.flush();
    },
    async remove(name) {
      em.remove(await em.findOneOrFail(Document, { name }, { populate: ['pages'] }));
      await em.flush();
    },
    nested: (work) => em.transactional((inner) => work(sessionOf(files, inner))),
  };
}

/** The application with MikroORM. */
export async function open(
  { url }: Tables,
  manager: Manager,
  init: (options: Partial<Options>) => Promise<MikroORM>,
): Promise<Application> {
  const files = new FileSubscriber(manager);
  const where = url.startsWith('/') ? { dbName: url } : { clientUrl: url };
  const orm = await init({ ...where, entities: [Document, Page], subscribers: [files] });
  return {
    unit: files.unit(orm.em),
    transaction: (work) => orm.em.fork().transactional((em) => work(sessionOf(files, em))),
    insert: (name, file) => sessionOf(files, orm.em.fork()).insert(name, file),
    close: () => orm.close(),
  };
}
