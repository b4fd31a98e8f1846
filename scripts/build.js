import { writeFile } from 'node:fs/promises';
import { build } from 'rolldown';

/**
 * Node's own modules without the namespace that an import makes of them: to fill it Node runs
 * every getter, and so loads half of its library before a command begins.
 */
const bareBuiltins = {
  name: 'bare-builtins',
  resolveId: (id) => (id.startsWith('node:') ? { id: `\0${id}` } : null),
  load(id) {
    if (!id.startsWith('\0node:')) return null;
    const name = id.slice(1);
    // commander wants it for commands that are programs of their own; there are none here.
    if (name === 'node:child_process') return 'export default {};';
    const members = Object.keys(process.getBuiltinModule(name));
    return [
      `const builtin = process.getBuiltinModule('${name}');`,
      'export default builtin;',
      ...members.map((member) => `export const ${member} = builtin.${member};`),
    ].join('\n');
  },
};

/**
 * The sources and the small libraries go into few files: a command then starts in half the time.
 * What only some commands need, databases and tables, stays a package and is imported by those.
 */
await build({
  input: {
    index: 'src/index.ts',
    conformance: 'test/conformance.ts',
    'mikro-orm': 'src/sessions/mikro-orm.ts',
    typeorm: 'src/sessions/typeorm.ts',
    mongoose: 'src/sessions/mongoose.ts',
    'cli/main': 'src/cli/main.ts',
    'cli/version': 'src/cli/version.ts',
    'cli/man': 'src/cli/man.ts',
  },
  platform: 'node',
  external: [
    ...['better-sqlite3', 'cli-progress', 'cli-table3', 'ini', 'string-width'],
    ...['@aws-sdk/client-s3', '@google-cloud/storage', 'any-ascii', 'mongodb'],
    ...['pg', 'pg-copy-streams', 'mysql2', 'mysql2/promise'],
    // Brought by applications that use them.
    ...['@mikro-orm/core', 'typeorm', 'mongoose', 'sharp'],
    // Brought by those who run the suite.
    ...['vitest', 'fast-check'],
  ],
  plugins: [bareBuiltins],
  // What is not used of Node's modules is not read either.
  treeshake: { propertyReadSideEffects: false },
  output: { dir: 'dist', format: 'esm', chunkFileNames: 'chunks/[name].js', cleanDir: true },
});

const { manualPage } = await import('../dist/cli/man.js');
await writeFile(new URL('../dist/depot.1', import.meta.url), await manualPage());
