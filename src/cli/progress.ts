import type { Counts, Observer, Problem } from '../transfer/report.js';
import type { Context } from './context.js';
import { counted, formatBytes } from './output.js';

/** Seconds between two lines of progress where there is no terminal. */
const lineEvery = 10;

/** Shows how a transfer goes and names what could not be done. */
export interface Progress extends Observer {
  /** Whether anything was not done. */
  readonly problems: number;
  stop(): void;
}

/** A bar on a terminal; elsewhere a line now and then with `-v`, else nothing. */
export async function startProgress(
  context: Context,
  options: { bar: boolean },
): Promise<Progress> {
  const { output } = context;
  const wanted = options.bar && output.verbosity !== 'quiet' && isTerminal();
  const show = wanted ? await bar() : lines(context);
  let problems = 0;
  return {
    get problems() {
      return problems;
    },
    problem(problem: Problem) {
      problems += 1;
      show.aside(() => {
        const where = problem.reference === null ? '' : `${problem.reference}: `;
        output.problem(`${where}${problem.message}`, { type: 'problem', ...problem });
      });
    },
    progress: (counts) => show.update(counts),
    stop: () => show.stop(),
  };
}

interface Display {
  update(counts: Counts): void;
  /** Prints lines without tearing the display. */
  aside(print: () => void): void;
  stop(): void;
}

function isTerminal(): boolean {
  return process.stderr.isTTY === true && process.env.TERM !== 'dumb';
}

function describe({ references, blobs, bytes }: Counts): string {
  const copied = `${counted(blobs.copied, 'blob')} copied, ${formatBytes(bytes)}`;
  return `${counted(references.migrated, 'reference')} migrated, ${copied}`;
}

/** The number of references is not known before the end, so the bar counts and does not fill. */
async function bar(): Promise<Display> {
  const { default: progress } = await import('cli-progress');
  const line = new progress.SingleBar({
    format: '{activity}  {text}  {duration_formatted}',
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    fps: 10,
    gracefulExit: false,
  });
  let text = '';
  const frames = ['|', '/', '-', '\\'];
  let frame = 0;
  const payload = (): { activity: string; text: string } => ({
    activity: frames[frame++ % frames.length] as string,
    text,
  });
  line.start(0, 0, payload());
  return {
    update(counts) {
      text = describe(counts);
      line.update(0, payload());
    },
    aside(print) {
      process.stderr.write('\r\u001b[K');
      print();
    },
    stop: () => line.stop(),
  };
}

function lines({ output }: Context): Display {
  let latest = '';
  let said = '';
  const timer = setInterval(() => {
    if (latest !== said) output.detail(latest);
    said = latest;
  }, lineEvery * 1000);
  timer.unref();
  return {
    update: (counts) => {
      latest = describe(counts);
    },
    aside: (print) => print(),
    stop: () => clearInterval(timer),
  };
}
