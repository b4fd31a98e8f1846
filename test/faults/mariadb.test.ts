import { faults } from './faults.js';

faults('sql on MariaDB', {
  manyParts: 20_000_000,
});
