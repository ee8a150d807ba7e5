package landfall.bench;

import java.math.BigDecimal;
import java.math.BigInteger;
import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.functions.ScalarFunction;

/** Connect's decimals are the bytes of an integer. Those of the bench have two digits behind the point. */
public final class DecimalOf extends ScalarFunction {
    private static final int SCALE = 2;

    /** Of no bytes, as a deleted row has them where only its key is known, it makes null. */
    public @DataTypeHint("DECIMAL(12, 2)") BigDecimal eval(byte[] unscaled) {
        if (unscaled == null || unscaled.length == 0) {
            return null;
        }
        return new BigDecimal(new BigInteger(unscaled), SCALE);
    }
}
