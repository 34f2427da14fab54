import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/* What tests ask of a broker, by Kafka's own clients, so that they share no code with ours: a request a line on stdin, its answer a line on
 * stdout, both JSON. broker.py has a method for each request, and says what it means.
 *
 *     java -cp 'libs/*' Client.java 127.0.0.1:PORT */
public class Client {
    static final ObjectMapper json = new ObjectMapper();
    static final int LIMIT_MS = 30_000;

    final String address;
    final Admin admin;
    final Map<String, KafkaProducer<byte[], byte[]>> open = new HashMap<>(); // Transactions that a request left open, by their id.

    Client(String address) {
        this.address = address;
        admin = Admin.create(Map.of("bootstrap.servers", address, "default.api.timeout.ms", LIMIT_MS));
    }

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Client client = new Client(arguments[0]);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            ObjectNode answer = json.createObjectNode();
            try {
                client.answer(json.readTree(line), answer);
            } catch (Exception e) {
                Throwable cause = e.getCause() != null ? e.getCause() : e;
                answer.put("error", cause.getClass().getSimpleName() + ": " + cause.getMessage());
            }
            out.println(answer);
        }
        System.exit(0); // Transactions that are still open are not waited for.
    }

    void answer(JsonNode request, ObjectNode answer) throws Exception {
        String topic = request.path("topic").asText();
        switch (request.get("op").asText()) {
        case "topic" -> admin.createTopics(List.of(new NewTopic(topic, Optional.of(request.get("partitions").asInt()), Optional.empty())
                .configs(settings(request.get("config"))))).all().get();
        case "delete_topic" -> admin.deleteTopics(List.of(topic)).all().get();
        case "partitions" -> admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(request.get("count").asInt()))).all().get();
        case "delete_records" -> admin.deleteRecords(Map.of(new TopicPartition(topic, request.get("partition").asInt()),
                RecordsToDelete.beforeOffset(request.get("before").asLong()))).all().get();
        case "offsets" -> offsets(topic, answer.putObject("partitions"));
        case "group" -> admin.listConsumerGroupOffsets(request.get("group").asText()).partitionsToOffsetAndMetadata().get()
                .forEach((partition, offset) -> answer.put(partition.toString(), offset.offset()));
        case "acl" -> allow(request, topic);
        case "produce" -> produce(request, topic, answer.putArray("offsets"));
        case "finish" -> finish(open.remove(request.get("transaction").asText()), request.get("how").asText());
        case "lines" -> lines(request, topic, answer);
        case "consume" -> consume(topic, request.get("isolation").asText(), answer.putArray("records"));
        default -> throw new IllegalArgumentException("no such request");
        }
    }

    static Map<String, String> settings(JsonNode node) {
        Map<String, String> settings = new HashMap<>();
        if (node != null)
            node.properties().forEach(field -> settings.put(field.getKey(), field.getValue().asText()));
        return settings;
    }

    void offsets(String topic, ObjectNode answer) throws Exception {
        int count = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size();
        for (int i = 0; i < count; i++) {
            TopicPartition partition = new TopicPartition(topic, i);
            ArrayNode pair = answer.putArray(Integer.toString(i));
            pair.add(admin.listOffsets(Map.of(partition, OffsetSpec.earliest())).partitionResult(partition).get().offset());
            pair.add(admin.listOffsets(Map.of(partition, OffsetSpec.latest())).partitionResult(partition).get().offset());
        }
    }

    void allow(JsonNode request, String topic) throws Exception {
        ResourceType type = request.path("group").asBoolean() ? ResourceType.GROUP : ResourceType.TOPIC;
        admin.createAcls(List.of(new AclBinding(new ResourcePattern(type, topic, PatternType.LITERAL),
                new AccessControlEntry("User:" + request.get("user").asText(), "*",
                        AclOperation.fromString(request.get("operation").asText()), AclPermissionType.ALLOW)))).all().get();
    }

    KafkaProducer<byte[], byte[]> producer(JsonNode request) {
        Map<String, Object> settings = new HashMap<>(settings(request.get("settings")));
        settings.put("bootstrap.servers", address);
        settings.putIfAbsent("linger.ms", "5");
        settings.putIfAbsent("delivery.timeout.ms", Integer.toString(LIMIT_MS));
        settings.putIfAbsent("request.timeout.ms", "10000");
        if (request.hasNonNull("transaction"))
            settings.put("transactional.id", request.get("transaction").asText());
        KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
        if (request.hasNonNull("transaction")) {
            producer.initTransactions();
            producer.beginTransaction();
        }
        return producer;
    }

    static void finish(KafkaProducer<byte[], byte[]> producer, String how) {
        if (how.equals("commit"))
            producer.commitTransaction();
        else
            producer.abortTransaction();
        producer.close();
    }

    static byte[] bytes(JsonNode record, String name) {
        if (record.hasNonNull(name + "_base64"))
            return Base64.getDecoder().decode(record.get(name + "_base64").asText());
        return record.hasNonNull(name) ? record.get(name).asText().getBytes(StandardCharsets.UTF_8) : null;
    }

    void produce(JsonNode request, String topic, ArrayNode answer) throws Exception {
        KafkaProducer<byte[], byte[]> producer = producer(request);
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (JsonNode record : request.get("records")) {
            ProducerRecord<byte[], byte[]> one = new ProducerRecord<>(topic, record.path("partition").asInt(0),
                    record.hasNonNull("timestamp") ? record.get("timestamp").asLong() : null, bytes(record, "key"), bytes(record, "value"));
            for (JsonNode header : record.path("headers"))
                one.headers().add(header.get(0).asText(), header.get(1).isNull() ? null : header.get(1).asText().getBytes(StandardCharsets.UTF_8));
            sent.add(producer.send(one));
        }
        producer.flush();
        for (Future<RecordMetadata> one : sent)
            answer.add(one.get().offset());
        end(producer, request);
    }

    void end(KafkaProducer<byte[], byte[]> producer, JsonNode request) {
        String how = request.path("how").asText("commit");
        if (!request.hasNonNull("transaction"))
            producer.close();
        else if (how.equals("open"))
            open.put(request.get("transaction").asText(), producer);
        else
            finish(producer, how);
    }

    void lines(JsonNode request, String topic, ObjectNode answer) throws Exception {
        KafkaProducer<byte[], byte[]> producer = producer(request);
        Future<RecordMetadata> last = null;
        long count = 0;
        try (BufferedReader reader = Files.newBufferedReader(Path.of(request.get("path").asText()), StandardCharsets.ISO_8859_1)) {
            for (String line = reader.readLine(); line != null; line = reader.readLine(), count++)
                last = producer.send(new ProducerRecord<>(topic, request.get("partition").asInt(), null, null, line.getBytes(StandardCharsets.ISO_8859_1)));
        }
        producer.flush();
        answer.put("count", count);
        answer.put("last", last == null ? -1 : last.get().offset());
        end(producer, request);
    }

    void consume(String topic, String isolation, ArrayNode answer) {
        Map<String, Object> settings = Map.of("bootstrap.servers", address, "isolation.level", isolation, "enable.auto.commit", "false");
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream().map(info -> new TopicPartition(topic, info.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            long limit = System.currentTimeMillis() + LIMIT_MS;
            while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
                if (System.currentTimeMillis() > limit)
                    throw new IllegalStateException("the topic was not read to its end in time");
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200)))
                    tell(record, answer.addObject());
            }
        }
    }

    static void tell(ConsumerRecord<byte[], byte[]> record, ObjectNode answer) {
        answer.put("partition", record.partition()).put("offset", record.offset()).put("timestamp", record.timestamp());
        answer.put("key", record.key() == null ? null : new String(record.key(), StandardCharsets.UTF_8));
        answer.put("value", record.value() == null ? null : new String(record.value(), StandardCharsets.UTF_8));
        ArrayNode headers = answer.putArray("headers");
        for (Header header : record.headers())
            headers.addArray().add(header.key()).add(header.value() == null ? null : new String(header.value(), StandardCharsets.UTF_8));
    }
}
