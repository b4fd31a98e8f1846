import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatIso, formatUtc, parseUtc, zoneClock } from '../src/time.js';

const instants = (from: string, to: string): fc.Arbitrary<Date> =>
  fc.date({ min: new Date(from), max: new Date(to), noInvalidDate: true });

/** What the platform's own clock of a zone shows. */
function shownIn(zone: string): (time: number) => string {
  const format = new Intl.DateTimeFormat('sv-SE', {
    dateStyle: 'short',
    timeStyle: 'medium',
    timeZone: zone,
  });
  return (time) => format.format(time);
}

/** From the zones' first whole-minute offsets on; what the table has for the future is a guess. */
const times = instants('1973-01-01T00:00:00Z', '2099-12-31T00:00:00Z');

describe('UTC', () => {
  test('comes back to the second', () => {
    fc.assert(
      fc.property(instants('0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z'), (time) => {
        const seconds = new Date(Math.floor(time.getTime() / 1000) * 1000);
        expect(formatUtc(time)).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
        expect(parseUtc(formatUtc(time))).toEqual(seconds);
        expect(parseUtc(formatIso(time) as string)).toEqual(seconds);
      }),
    );
  });

  test.each([
    ['2026-01-02 03:04:05', '2026-01-02T03:04:05.000Z'],
    ['1969-12-31 23:59:59', '1969-12-31T23:59:59.000Z'],
    ['2024-02-29 00:00:00', '2024-02-29T00:00:00.000Z'],
    ['0033-01-01 00:00:00', '0033-01-01T00:00:00.000Z'],
    ['2026-1-2 3:4:5', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02   03:04:05', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02 03:04:05.999999', '2026-01-02T03:04:05.999Z'],
    ['2026-01-02 03:04:05.5', '2026-01-02T03:04:05.500Z'],
  ])('reads %j', (text, iso) => {
    expect(parseUtc(text)?.toISOString()).toBe(iso);
  });

  test.each([
    '',
    'now',
    '2026-01-02',
    '2026-02-29 00:00:00',
    '2026-02-30 00:00:00',
    '2026-13-01 00:00:00',
    '2026-00-01 00:00:00',
    '2026-01-00 00:00:00',
    '2026-01-02 24:00:00',
    '2026-01-02 23:60:00',
    '2026-01-02 23:59:60',
    '2026-01-02 03:04:05+01:00',
    '26-01-02 03:04:05',
    '2026-01-02 03:04:05 2026-01-02 03:04:05',
  ])('reads no time in %j', (text) => {
    expect(parseUtc(text)).toBeNull();
  });

  test('says null where no time is known', () => {
    expect(formatIso(null)).toBeNull();
    expect(formatIso(new Date('2026-01-02T03:04:05.678Z'))).toBe('2026-01-02T03:04:05Z');
  });
});

describe('the clock of a zone', () => {
  // Python's answers: datetime.fromisoformat(…).replace(tzinfo=ZoneInfo(…)).astimezone(utc)
  test.each([
    ['UTC', '2026-01-01 00:00:00', '2026-01-01T00:00:00.000Z', 'no offset'],
    ['Europe/Berlin', '2026-07-01 12:00:00', '2026-07-01T10:00:00.000Z', 'summer'],
    ['Europe/Berlin', '2026-12-01 12:00:00', '2026-12-01T11:00:00.000Z', 'winter'],
    ['Europe/Berlin', '2026-10-25 02:30:00', '2026-10-25T00:30:00.000Z', 'shown twice'],
    ['Europe/Berlin', '2026-03-29 02:30:00', '2026-03-29T01:30:00.000Z', 'never shown'],
    ['America/New_York', '2026-11-01 01:59:59', '2026-11-01T05:59:59.000Z', 'shown twice'],
    ['America/New_York', '2026-03-08 02:00:00', '2026-03-08T07:00:00.000Z', 'never shown'],
    ['Australia/Lord_Howe', '2026-04-05 01:45:00', '2026-04-04T14:45:00.000Z', 'half an hour'],
    ['Australia/Lord_Howe', '2026-10-04 02:15:00', '2026-10-03T15:45:00.000Z', 'half an hour'],
    ['Europe/Dublin', '2026-10-25 01:30:00', '2026-10-25T00:30:00.000Z', 'winter is the change'],
    ['Pacific/Apia', '2011-12-31 00:00:00', '2011-12-30T10:00:00.000Z', 'after a day left out'],
    ['Pacific/Apia', '2011-12-30 12:00:00', '2011-12-30T22:00:00.000Z', 'a day left out'],
    ['Pacific/Kiritimati', '2026-01-01 13:59:59', '2025-12-31T23:59:59.000Z', 'far east'],
    ['Asia/Kathmandu', '1986-01-01 00:05:00', '1985-12-31T18:35:00.000Z', 'within a gap'],
    ['America/St_Johns', '2006-10-29 00:01:00', '2006-10-29T03:31:00.000Z', 'at a minute past'],
  ])('%s: %s is %s (%s)', (zone, text, iso) => {
    expect(zoneClock(zone).parse(text)?.toISOString()).toBe(iso);
  });

  const zones = [
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'America/St_Johns',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'Pacific/Apia',
    'Africa/Casablanca',
    'America/Sao_Paulo',
    'Pacific/Chatham',
  ];

  test.each(zones)('%s shows what the platform shows, and the instant comes back', (zone) => {
    const clock = zoneClock(zone);
    const shown = shownIn(zone);
    fc.assert(
      fc.property(times, (time) => {
        const text = clock.format(time);
        const fraction = String(time.getUTCMilliseconds()).padStart(3, '0');
        expect(text).toBe(`${shown(time.getTime())}.${fraction}000`);
        const back = clock.parse(text) as Date;
        expect(clock.format(back)).toBe(text);
        // Of an hour that is shown twice, the first.
        const earlier = time.getTime() - back.getTime();
        expect([0, 1_800_000, 3_600_000]).toContain(earlier);
      }),
      { numRuns: 500 },
    );
  });

  test.each(zones)('%s is exact to the second around each change', (zone) => {
    const clock = zoneClock(zone);
    const shown = shownIn(zone);
    const offset = (time: number): number => Date.parse(`${shown(time)}Z`) - time;
    const hour = 3_600_000;
    const end = Date.parse('2028-01-01T00:00:00Z');
    for (let start = Date.parse('1990-01-01T00:00:00Z'); start < end; start += 24 * hour) {
      if (offset(start) === offset(start + 24 * hour)) continue;
      let [before, after] = [start, start + 24 * hour];
      while (after - before > 1000) {
        const middle = before + Math.floor((after - before) / 2000) * 1000;
        if (offset(middle) === offset(start)) before = middle;
        else after = middle;
      }
      for (const time of [before, after]) {
        expect(clock.format(new Date(time))).toBe(`${shown(time)}.000000`);
      }
    }
  });

  test('has microseconds, of which it keeps milliseconds', () => {
    const clock = zoneClock('Europe/Berlin');
    const time = clock.parse('2026-11-23 04:42:56.745312') as Date;
    expect(time.toISOString()).toBe('2026-11-23T03:42:56.745Z');
    expect(clock.format(time)).toBe('2026-11-23 04:42:56.745000');
  });

  test('reads no time where there is none', () => {
    expect(zoneClock('Europe/Berlin').parse('2026-02-30 00:00:00')).toBeNull();
  });

  test("is this machine's where no zone is given", () => {
    expect(zoneClock().zone).toBe(new Intl.DateTimeFormat().resolvedOptions().timeZone);
    expect(zoneClock('Europe/Berlin').zone).toBe('Europe/Berlin');
  });

  test.each(['Mars/Olympus', '', 'Berlin'])('of %j is an error of the configuration', (zone) => {
    expect(() => zoneClock(zone)).toThrow(
      expect.objectContaining({
        kind: 'config',
        message: `unknown time zone ${JSON.stringify(zone)}`,
        hint: expect.stringContaining('Europe/Berlin'),
      }),
    );
  });
});
