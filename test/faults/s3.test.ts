import { faults } from './faults.js';

const answer = (status: number, code: string) => ({
  status,
  type: 'application/xml',
  body: `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>Not now.</Message></Error>`,
});

faults('s3', {
  manyParts: 20_000_000,
  busy: [answer(500, 'InternalError'), answer(503, 'SlowDown')],
});
