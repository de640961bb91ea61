blog wp-content/uploads/2024/evil.php
