/* The peer of bench/peers/flink.py: the windows of the example's stream as Flink SQL, from the same log files, in one process.
 *
 * Its watermark takes no row without a time, and would start the job again and again at the first one: such a row has a time long past, and is left out behind it.
 *
 * Rows with a type, a patient and a time; the patient looked up among those of the warehouse by a function over a map (Flink has no lookup for a
 * file; a join would keep all events in state); tumbling windows of five minutes, a minute of disorder; checkpoints every second. What heddle does besides is
 * left out: dead letters, deduplication, lateness, units, rules, alerts, encryption; and results go nowhere.
 *
 *     java -cp 'CLASSES:LIB/*' FlinkWindows EVENTS PATIENTS PARALLELISM ROUNDS        a line of JSON a round, in one virtual machine */
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.functions.FunctionContext;
import org.apache.flink.table.functions.ScalarFunction;

public class FlinkWindows {
    public static class Person extends ScalarFunction {
        private final String              path;
        private transient HashMap<String, String> persons;

        public Person(String path) { this.path = path; }

        @Override
        public void open(FunctionContext context) throws IOException {
            persons = new HashMap<>();
            for (String line : Files.readAllLines(Path.of(path)))
                persons.put(line, Integer.toHexString(line.hashCode()));
        }

        public String eval(String patient) { return persons.getOrDefault(patient, patient); }
    }

    private static final String EVENTS = """
        CREATE TABLE events (event_id STRING, `type` STRING, event_time TIMESTAMP_LTZ(3), facility STRING, patient_id STRING,
          source_component_code STRING, `result` STRING, source_units STRING, source_abnormal_flag STRING,
          told_time AS COALESCE(event_time, TO_TIMESTAMP_LTZ(0, 3)), WATERMARK FOR told_time AS told_time - INTERVAL '1' MINUTE)
        WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'json', 'json.ignore-parse-errors' = 'true',
          'json.timestamp-format.standard' = 'ISO-8601')""";
    private static final String RESULTS = """
        CREATE TABLE results (window_start TIMESTAMP(3), window_end TIMESTAMP(3), facility STRING, event_type STRING, code STRING, unit STRING, event_count BIGINT,
          patient_count BIGINT, abnormal_count BIGINT, value_min DECIMAL(18, 6), value_avg DECIMAL(38, 6), value_max DECIMAL(18, 6))
        WITH ('connector' = 'blackhole')""";
    private static final String WINDOWS = """
        INSERT INTO results SELECT window_start, window_end, facility, `type`, code, unit, COUNT(*), COUNT(DISTINCT person), COUNT(*) FILTER (WHERE is_abnormal),
          MIN(v), AVG(v), MAX(v)
        FROM TABLE(TUMBLE(TABLE valid, DESCRIPTOR(told_time), INTERVAL '5' MINUTES))
        GROUP BY window_start, window_end, facility, `type`, code, unit""";
    private static final String VALID = """
        CREATE TEMPORARY VIEW valid AS SELECT told_time, facility, `type`, source_component_code AS code, source_units AS unit, Person(patient_id) AS person,
          source_abnormal_flag <> 'N' AS is_abnormal, TRY_CAST(`result` AS DECIMAL(18, 6)) AS v
        FROM events WHERE `type` IS NOT NULL AND patient_id <> '' AND event_time IS NOT NULL""";

    public static void main(String[] arguments) throws Exception {
        Configuration options = new Configuration();
        options.setString("parallelism.default", arguments[2]);
        options.setString("execution.checkpointing.interval", "1 s");
        options.setString("restart-strategy.type", "none"); // What fails is to say so.
        options.setString("pipeline.object-reuse", "true");
        options.setString("table.exec.mini-batch.enabled", "true");
        options.setString("table.exec.mini-batch.allow-latency", "500 ms");
        options.setString("table.exec.mini-batch.size", "20000");
        TableEnvironment tables = TableEnvironment.create(EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(options).build());
        tables.createTemporaryFunction("Person", new Person(arguments[1]));
        tables.executeSql(EVENTS.formatted(Path.of(arguments[0]).toUri()));
        tables.executeSql(RESULTS);
        tables.executeSql(VALID);
        for (int round = Integer.parseInt(arguments[3]); round > 0; round--) {
            long begin = System.nanoTime(), before = cpu();
            tables.executeSql(WINDOWS).await();
            System.out.printf("{\"seconds\":%.3f,\"cpu_seconds\":%.3f}%n", (System.nanoTime() - begin) / 1e9, (cpu() - before) / 1e9);
        }
        System.exit(0);
    }

    private static long cpu() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }
}
