import type { Observer, Problem } from '../transfer/report.js';
import type { Context } from './context.js';

/** Seconds between two lines of progress where there is no terminal. */
const lineEvery = 10;

/** Shows how a transfer goes and names what could not be done. */
export interface Progress<C> extends Observer<C> {
  /** Whether anything was not done. */
  readonly problems: number;
  /** Prints what a command was asked for; waits for a slow reader. */
  data(line: string, object: object): Promise<void>;
  stop(): void;
}

/** A bar on a terminal; elsewhere a line now and then with `-v`, else nothing. */
export async function startProgress<C>(
  context: Context,
  options: { bar: boolean; describe: (counts: C, seconds: number) => string },
): Promise<Progress<C>> {
  const { output } = context;
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
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
    progress: (counts) => show.update(() => options.describe(counts, seconds())),
    done: (item) => output.log.write('item', item),
    async data(line, object) {
      output.log.write('type' in object && object.type === 'problem' ? 'problem' : 'item', object);
      let written: Promise<void> | undefined;
      show.aside(() => {
        written = output.data(line, object);
      });
      await written;
    },
    stop: () => show.stop(),
  };
}

interface Display {
  /** Takes what to say, which is asked for only when it is shown. */
  update(text: () => string): void;
  /** Prints lines without tearing the display. */
  aside(print: () => void): void;
  stop(): void;
}

function isTerminal(): boolean {
  return process.stderr.isTTY === true && process.env.TERM !== 'dumb';
}

/** The number of references is not known before the end, so the bar counts and does not fill. */
async function bar(): Promise<Display> {
  const { default: progress } = await import('cli-progress');
  const started = Date.now();
  const frames = ['|', '/', '-', '\\'];
  let frame = 0;
  let text = (): string => '';
  const line = new progress.SingleBar({
    format() {
      frame += 1;
      const seconds = Math.floor((Date.now() - started) / 1000);
      return `${frames[frame % frames.length]}  ${text()}  ${seconds} s`;
    },
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    fps: 10,
    gracefulExit: false,
  });
  const stop = (): void => line.stop();
  // A second Ctrl-C ends the process with the cursor still hidden.
  process.once('exit', stop);
  line.start(0, 0);
  return {
    update(latest) {
      text = latest;
      line.update(0);
    },
    aside(print) {
      // Ended and begun again: at its end it goes back to where it began.
      line.stop();
      print();
      line.start(0, 0);
    },
    stop() {
      process.off('exit', stop);
      stop();
    },
  };
}

function lines({ output }: Context): Display {
  let text = (): string => '';
  let said = '';
  const timer = setInterval(() => {
    const latest = text();
    if (latest !== said) output.detail(latest);
    said = latest;
  }, lineEvery * 1000);
  timer.unref();
  return {
    update: (latest) => {
      text = latest;
    },
    aside: (print) => print(),
    stop: () => clearInterval(timer),
  };
}
