import { DepotError } from '../errors.js';
import { describePlace } from './origin.js';
import {
  type AppContext,
  applicationContext,
  applicationSections,
  findApplicationSection,
} from './paste.js';
import type { PasteFile } from './paste-file.js';
import { strip } from './python-text.js';
import { hasStorages } from './storages.js';

/** The application whose settings count. */
export interface Application {
  /** The name after the section's colon; `main` for a bare `[app]`. */
  name: string;
  context: AppContext;
}

/**
 * The application that `#APP` names, else the one section that has storages or is a Kotti site; undefined
 * when there is none. A pipeline and the application at its end are one.
 *
 * @throws DepotError `config` when the name is unknown, or several sections could be meant
 */
export async function chooseApplication(
  file: PasteFile,
  name: string | undefined,
): Promise<Application | undefined> {
  if (name !== undefined) return load(file, namedSection(file, name));
  const candidates = new Map<string, Application>();
  let failure: unknown;
  for (const section of applicationSections(file)) {
    try {
      const application = await load(file, section);
      const { context } = application;
      if (!hasStorages(context.localConf) && !isKotti(context)) continue;
      const place = `${context.file} ${context.section}`;
      const known = candidates.get(place);
      if (known === undefined || nameOf(context.section) === application.name) {
        candidates.set(place, application);
      }
    } catch (error) {
      // A section that leads nowhere matters only when it could have been the one.
      failure ??= error;
    }
  }
  if (candidates.size > 1) throw ambiguous(file, [...candidates.values()]);
  const [only] = candidates.values();
  if (only === undefined && failure !== undefined) throw failure;
  return only;
}

/** True for a Kotti site, which has Kotti's storages even where it configures none. */
export function isKotti({ factory, localConf }: AppContext): boolean {
  if (/^egg:kotti(#|$)/i.test(factory ?? '')) return true;
  return [...localConf.keys()].some((key) => key.startsWith('kotti.'));
}

async function load(file: PasteFile, section: string): Promise<Application> {
  let context = await applicationContext(file, section);
  while (context.inner !== undefined) context = context.inner;
  return { name: nameOf(section), context };
}

/** PasteDeploy never finds a bare `[app]` by name; here it is `main`. */
function namedSection(file: PasteFile, name: string): string {
  const bare = applicationSections(file).filter((section) => !section.includes(':'));
  const named = applicationSections(file).some(
    (section) => section.includes(':') && nameOf(section) === name,
  );
  const [only] = bare;
  if (name === 'main' && !named && bare.length === 1 && only !== undefined) return only;
  return findApplicationSection(file, name);
}

function nameOf(section: string): string {
  const colon = section.indexOf(':');
  return colon < 0 ? 'main' : strip(section.slice(colon + 1));
}

function ambiguous(file: PasteFile, applications: Application[]): DepotError {
  const place = describePlace(file.ini.file);
  const names = applications.map(({ name }) => name);
  return new DepotError(
    'config',
    `${place}: more than one application has storages: ${names.join(', ')}`,
    { hint: `Choose one: -c ${place}#${names[0]}` },
  );
}
