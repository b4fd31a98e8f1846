import { faults } from './faults.js';

faults('sql on PostgreSQL', {
  manyParts: 5_000_000,
});
