import { faults } from './faults.js';

faults('gridfs', {
  manyParts: 1_500_000,
});
