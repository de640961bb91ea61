portal10 vendor/autoload.php
