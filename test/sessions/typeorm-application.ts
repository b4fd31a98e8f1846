import { DataSource, type DataSourceOptions, type EntityManager, EntitySchema } from 'typeorm';
import type { UploadedFile } from '../../src/fields/uploaded-file.js';
import type { Manager } from '../../src/index.js';
import { FileSubscriber, UploadedFileTransformer } from '../../src/sessions/typeorm.js';
import type { Application, Session } from './contract.js';

interface Document {
  id: number;
  name: string;
  file: UploadedFile | null;
  pages: Page[];
}

interface Page {
  id: number;
  document: Document;
  file: UploadedFile | null;
}

const id = { type: Number, primary: true, generated: true } as const;
const transformer = new UploadedFileTransformer();
const file = { type: 'varchar', length: 4000, nullable: true, transformer } as const;

const documents = new EntitySchema<Document>({
  name: 'documents',
  columns: { id, name: { type: 'varchar' }, file },
  relations: {
    pages: { type: 'one-to-many', target: 'pages', inverseSide: 'document', cascade: true },
  },
});

const pages = new EntitySchema<Page>({
  name: 'pages',
  columns: { id, file },
  relations: {
    document: { type: 'many-to-one', target: 'documents', joinColumn: { name: 'document_id' } },
  },
});

function sessionOf(files: FileSubscriber, manager: EntityManager): Session {
  const find = (name: string): Promise<Document> => manager.findOneByOrFail(documents, { name });
  return {
    unit: files.unit(manager),
    insert: async (name, value) => void (await manager.save(documents, { name, file: value })),
    async addPage(name, value) {
      await manager.save(pages, { document: await find(name), file: value });
    },
    fileOf: async (name) => (await find(name)).file,
    async setFile(name, value) {
      await manager.save(documents, { ...(await find(name)), file: value });
    },
    async rename(name, to) {
      await manager.save(documents, { ...(await find(name)), name: to });
    },
    async remove(name) {
      const document = await manager.findOneOrFail(documents, {
        where: { name },
        relations: { pages: true },
      });
      await manager.remove(documents, document);
    },
    nested: (work) => manager.transaction((inner) => work(sessionOf(files, inner))),
  };
}

/** The application with TypeORM. */
export async function open(options: DataSourceOptions, manager: Manager): Promise<Application> {
  const files = new FileSubscriber(manager);
  const source = new DataSource({ ...options, entities: [documents, pages] });
  await source.initialize();
  source.subscribers.push(files);
  return {
    unit: files.unit(source.manager),
    transaction: (work) => source.transaction((inner) => work(sessionOf(files, inner))),
    insert: (name, value) => sessionOf(files, source.manager).insert(name, value),
    close: () => source.destroy(),
  };
}
