import { setTimeout } from 'node:timers/promises';
import { type Collection, type ObjectId, ReadConcern } from 'mongodb';
import { DepotError } from '../errors.js';
import type { NetworkStorage } from '../network.js';
import { isIndexRefused, isTransient, mongoError } from './gridfs-errors.js';
import type { ChunkDocument, FileDocument } from './gridfs-file.js';
import { type MongoTarget, openTarget } from './gridfs-uri.js';

/** The options, as they stand in the configuration. */
export interface GridfsSettings {
  readonly mongouri: string;
  readonly collection?: string | undefined;
}

/** The two collections of a GridFS, and how they are asked. */
export interface GridfsStore {
  readonly target: MongoTarget;
  /** The collections' common name. */
  readonly collection: string;
  readonly files: Collection<FileDocument>;
  readonly chunks: Collection<ChunkDocument>;
  /** For people; holds no secret. */
  readonly description: string;
  /**
   * Sends a request, and again after a cut or a server's stepping down: `send` must do no harm when
   * it is done twice, and is told how often it was sent before.
   *
   * @param action such as `read a blob in`
   */
  request<T>(action: string, send: (earlier: number) => Promise<T>): Promise<T>;
  find(id: ObjectId): Promise<FileDocument | null>;
  /** Makes the indexes that every GridFS has, and with them the collections. */
  provision(): Promise<void>;
  /** The same before the first write, as far as the user may. */
  prepare(): Promise<void>;
}

/** How often a request is sent again. */
const repeats = 4;

/** Milliseconds in which a server that takes the request must be found. */
const selectionTime = 10_000;

export function openStore(settings: GridfsSettings, network: NetworkStorage): GridfsStore {
  const { idleTimeout, retried, where } = network;
  const connectTime = Math.min(selectionTime, idleTimeout);
  const target = openTarget(
    settings.mongouri,
    {
      appName: 'depot',
      serverSelectionTimeoutMS: connectTime,
      connectTimeoutMS: connectTime,
      socketTimeoutMS: idleTimeout,
      maxIdleTimeMS: idleTimeout,
      // Every request here may be sent twice: it is done below, where it is counted.
      retryReads: false,
      retryWrites: false,
    },
    where,
  );
  const { collection = 'filedepot' } = settings;
  const database = target.client.db(target.database, {
    readPreference: 'primary',
    readConcern: new ReadConcern('majority'),
    writeConcern: { w: 'majority', journal: true },
  });
  const files = database.collection<FileDocument>(`${collection}.files`);
  const chunks = database.collection<ChunkDocument>(`${collection}.chunks`, {
    promoteBuffers: true,
  });
  const at = target.hosts.join(',');
  const description = `the GridFS ${collection} of the database ${target.database} at ${at}`;
  const request: GridfsStore['request'] = async (action, send) => {
    for (let earlier = 0; ; earlier += 1) {
      try {
        // By itself the driver does it once, and never again where that fails.
        await target.client.connect();
        return await send(earlier);
      } catch (error) {
        if (earlier === repeats || !isTransient(error)) {
          throw mongoError(error, `cannot ${action} ${description}`, target.signsIn);
        }
        retried();
        await setTimeout(50 * 2 ** earlier);
      }
    }
  };
  const provision = (): Promise<void> =>
    request('make the indexes of', async () => {
      await files.createIndex({ filename: 1, uploadDate: 1 });
      await chunks.createIndex({ files_id: 1, n: 1 }, { unique: true });
    });
  let prepared: Promise<void> | null = null;
  const prepare = (): Promise<void> => {
    prepared ??= provision().catch((error: unknown) => {
      if (error instanceof DepotError && isIndexRefused(error.cause)) return;
      prepared = null;
      throw error;
    });
    return prepared;
  };
  return {
    ...{ target, collection, files, chunks, description, request, provision, prepare },
    find: (id) => request('look up a blob in', () => files.findOne({ _id: id })),
  };
}
