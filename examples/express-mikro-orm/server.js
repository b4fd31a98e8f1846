// Express with MikroORM: a document and its file are stored, replaced and deleted together.
//
//   curl --data-binary @report.pdf -H 'Content-Type: application/pdf' \
//     'http://127.0.0.1:8000/documents?filename=report.pdf'

import { defineEntity, p } from '@mikro-orm/core';
import { MikroORM } from '@mikro-orm/sqlite';
import express from 'express';
import { configurationOf, createNodeHandler, FileIntent, Manager, UploadedFile } from 'filedepot';
import { FileSubscriber, UploadedFileType } from 'filedepot/mikro-orm';

const storages = { files: { backend: 'local', storage_path: 'files' } };
const manager = new Manager(configurationOf({ storages }));
await (await manager.storage()).backend.provision();

const Document = defineEntity({
  name: 'Document',
  properties: { id: p.integer().primary(), file: p.type(UploadedFileType) },
});
const files = new FileSubscriber(manager, { notice: console.warn });
const orm = await MikroORM.init({
  dbName: 'site.db',
  entities: [Document],
  subscribers: [files],
});
await orm.schema.update();

/** The file that a request brings, stored within the transaction. */
function upload(request, em) {
  const { query, headers } = request;
  const content = new FileIntent(request, query.filename, headers['content-type']);
  return UploadedFile.create(files.unit(em), content);
}

const shown = ({ id, file }) => ({ id, filename: file.filename, url: file.url(manager) });

const application = express();
application.use(createNodeHandler(manager));

application.post('/documents', async (request, response) => {
  const document = await orm.em
    .fork()
    .transactional(async (em) => em.create(Document, { file: await upload(request, em) }));
  response.status(201).json(shown(document));
});

application.put('/documents/:id', async (request, response) => {
  const document = await orm.em.fork().transactional(async (em) => {
    const found = await em.findOneOrFail(Document, Number(request.params.id));
    found.file = await upload(request, em);
    return found;
  });
  response.json(shown(document));
});

application.delete('/documents/:id', async (request, response) => {
  await orm.em.fork().transactional(async (em) => {
    em.remove(await em.findOneOrFail(Document, Number(request.params.id)));
  });
  response.status(204).end();
});

const port = Number(process.env.PORT ?? 8000);
application.listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${port}/documents`));
