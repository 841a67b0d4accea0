// One config for everything; `make test-unit` and `make test` choose by path (test/unit, test/lab).
export default {
  testTimeout: 60_000,
  testEnvironment: "node",
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  extensionsToTreatAsEsm: [".ts"],
  transform: { "^.+\\.ts$": "<rootDir>/hack/jest-transform.mjs" },
  verbose: true,
  reporters: ["default", "<rootDir>/hack/jest-closing-line.mjs"],
  maxWorkers: "100%",
  testSequencer: "<rootDir>/hack/jest-sequencer.mjs",
  collectCoverageFrom: ["src/**/*.ts", "!src/**/*.gen.ts"],
  modulePathIgnorePatterns: ["<rootDir>/dist"],
};
