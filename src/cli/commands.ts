import type { Command } from 'commander';
import { registerDelete } from './commands/delete.js';
import { registerGet } from './commands/get.js';
import { registerInfo } from './commands/info.js';
import { registerInit } from './commands/init.js';
import { registerList } from './commands/list.js';
import { registerMigrate } from './commands/migrate-storage.js';
import { registerPut } from './commands/put.js';
import { registerReferences } from './commands/references.js';
import { registerReplace } from './commands/replace.js';
import { registerStorages } from './commands/storages.js';
import type { Context } from './context.js';

/** Adds every command; each makes its context when it runs. */
export function registerCommands(program: Command, start: () => Context): void {
  const all = [
    registerInit,
    registerPut,
    registerGet,
    registerList,
    registerInfo,
    registerReplace,
    registerDelete,
    registerStorages,
    registerReferences,
    registerMigrate,
  ];
  for (const register of all) register(program, start);
}
