const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const days = 'Mon|Tue|Wed|Thu|Fri|Sat|Sun';
const longDays = 'Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday';
const month = `(?<month>${months.join('|')})`;
const clock = '(?<hour>\\d{2}):(?<minute>\\d{2}):(?<second>\\d{2})';

/** The three forms of RFC 9110, section 5.6.7: IMF-fixdate, RFC 850's and asctime's. */
const forms = [
  new RegExp(`^(?:${days}), (?<day>\\d{2}) ${month} (?<year>\\d{4}) ${clock} GMT$`),
  new RegExp(`^(?:${longDays}), (?<day>\\d{2})-${month}-(?<year>\\d{2}) ${clock} GMT$`),
  new RegExp(`^(?:${days}) ${month} (?<day>[ \\d]\\d) ${clock} (?<year>\\d{4})$`),
];

/** The instant of a date in a header, or null where it is none; who gets none ignores the header. */
export function parseHttpDate(text: string, now: Date): Date | null {
  const parts = forms.map((form) => form.exec(text.trim())?.groups).find((found) => found);
  if (parts === undefined) return null;
  const number = (name: string): number => Number(parts[name]);
  const [day, hour, minute, second] = ['day', 'hour', 'minute', 'second'].map(number) as [
    number,
    number,
    number,
    number,
  ];
  if (hour > 23 || minute > 59 || second > 60) return null;
  const year = parts.year?.length === 2 ? fullYear(number('year'), now) : number('year');
  const time = new Date(0);
  time.setUTCFullYear(year, months.indexOf(parts.month ?? ''), day);
  if (time.getUTCDate() !== day) return null;
  time.setUTCHours(hour, minute, second);
  return time;
}

/** Of two digits: what appears to be more than 50 years ahead is past. */
function fullYear(twoDigits: number, now: Date): number {
  const thisYear = now.getUTCFullYear();
  const year = thisYear - (thisYear % 100) + twoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}
